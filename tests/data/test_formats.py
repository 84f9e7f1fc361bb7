"""Every format of file gives the same rows, in chunks of any size; one more format is one more module."""

import csv
import gzip
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from retort.data import formats
from retort.data.chunks import ChunkLimit
from retort.data.files import NamedChunk, read_chunks
from retort.data.sources import read_file
from tests.data.samples import TASK, complaint, table, written

PACKED = ("csv.gz", "tsv.gz", "jsonl.gz", "parquet.gz")
EVERY = ("csv", "tsv", "jsonl", "parquet", *PACKED, "CSV")


def chunks(path: Path, limit: ChunkLimit | None = None) -> list[NamedChunk]:
    return list(read_chunks(path, TASK, {}, labelled=False, limit=limit))


@pytest.mark.parametrize("ending", EVERY)
def test_every_format_gives_the_same_comments(tmp_path: Path, ending: str) -> None:
    expected = table()
    comments = read_file(written(tmp_path / f"comments.{ending}", expected), TASK, {})
    assert comments.frame["text"].tolist() == expected["text"].tolist()
    assert comments.frame["toxicity"].tolist() == expected["toxicity"].astype(np.float32).tolist()
    assert comments.frame["toxicity"].dtype == np.float32
    assert comments.frame["id"].tolist() == [str(i + 1) for i in range(len(expected))]
    assert comments.attributes == ("toxicity",)
    assert comments.report.rows_read == len(expected)
    assert comments.report.dropped == {}
    assert len(comments.report.sha256 or "") == 64


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", *PACKED])
@pytest.mark.parametrize("limit", [ChunkLimit(rows=1), ChunkLimit(rows=7), ChunkLimit(rows=1000, characters=90)])
def test_rows_are_the_same_in_chunks_of_any_size(tmp_path: Path, ending: str, limit: ChunkLimit) -> None:
    expected = table(50, id=[f"k{i}" for i in range(50)])
    read = chunks(written(tmp_path / f"c.{ending}", expected), limit)
    assert [text for chunk in read for text in chunk.cells("text")] == expected["text"].tolist()
    assert [cell for chunk in read for cell in chunk.cells("id")] == expected["id"].tolist()
    assert [number for chunk in read for number in chunk.numbers] == list(range(1, 51))
    assert max(len(chunk.numbers) for chunk in read) <= limit.rows
    shares = [chunk.raw.share for chunk in read]
    assert shares == sorted(shares)
    assert 0 < shares[0] <= shares[-1] == 1
    if limit.characters == 90 and "parquet" not in ending:
        assert max(len(chunk.numbers) for chunk in read) <= 5


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_broken_rows_have_the_same_numbers_in_chunks_of_any_size(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "c.csv"
    path.write_text("id,text\n1,a\n2\n\n3,b\n4,c,d\n5,e\n")
    read = chunks(path, ChunkLimit(rows=rows))
    broken = {chunk.numbers[place]: fault for chunk in read for place, fault in chunk.raw.broken.items()}
    assert broken == {2: "ragged row", 4: "ragged row"}
    assert [cell for chunk in read for cell in chunk.cells("id")] == ["1", "3", "5"]
    assert sum(len(chunk.numbers) for chunk in read) == 5


AVRO_LIKE = '''
from retort.data.chunks import RawChunk

ENDINGS = (".words",)
LIBRARIES = ()

def read(path, choose, limit):
    """One comment a line, after its rating."""
    rows = [line.split(" ", 1) for line in path.read_text().splitlines()]
    places = {header: ("toxicity", "text", "unused").index(header) for header in choose(["toxicity", "text", "unused"])}
    yield RawChunk(len(rows), {h: [row[place] for row in rows] for h, place in places.items()}, {}, 1.0)
'''


def test_a_module_in_the_folder_is_one_more_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "words.py").write_text(AVRO_LIKE)
    (tmp_path / "c.words").write_text("0.9 you rotten bridge\n0 a good bus\n")
    assert "unknown ending" in complaint(lambda: read_file(tmp_path / "c.words", TASK, {}))
    monkeypatch.setattr(formats, "__path__", [*formats.__path__, str(tmp_path)])
    frame = read_file(tmp_path / "c.words", TASK, {}).frame
    assert frame["text"].tolist() == ["you rotten bridge", "a good bus"]
    assert frame["toxicity"].tolist() == [np.float32(0.9), 0]
    # All lists of endings have it.
    assert ".words" in complaint(lambda: read_file(tmp_path, TASK, {}))
    (tmp_path / "c.xlsx").write_bytes(b"PK")
    assert ".words" in complaint(lambda: read_file(tmp_path / "c.xlsx", TASK, {}))


WITHOUT = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in sys.argv[1].split(","):
            raise ModuleNotFoundError(name=name)
sys.meta_path.insert(0, Missing())
from pathlib import Path
from retort.tasks import default_task
"""
CHECKED = """
from retort.data.checks import check
from retort.data.files import read_chunks
for path in sys.argv[2:]:
    for chunk in read_chunks(Path(path), default_task(), {}, labelled=True):
        print(check(chunk).texts)
"""


WHOLE = """
from retort.data.sources import read_file
for path in sys.argv[2:]:
    print(len(read_file(Path(path), default_task(), {}).frame))
"""


def run_without(modules: str, program: str, *paths: Path) -> list[str]:
    """What the program prints in a process where none of the modules can be imported."""
    call = [sys.executable, "-c", WITHOUT + program, modules, *map(str, paths)]
    return subprocess.run(call, capture_output=True, text=True, check=True).stdout.splitlines()


def test_text_files_need_neither_pandas_nor_pyarrow_and_parquet_neither_pandas_nor_torch(tmp_path: Path) -> None:
    frame = table(5, id=[0.5, None, 1, 2, 3])
    plain, packed, parquet = (written(tmp_path / name, frame) for name in ("c.csv", "c.jsonl.gz", "c.parquet"))
    texts = str(frame["text"].tolist())
    assert run_without("pandas,pyarrow,torch", CHECKED, plain, packed) == [texts, texts]
    assert run_without("pandas,torch,transformers", CHECKED, parquet) == [texts]
    assert run_without("torch,transformers,huggingface_hub,datasets", WHOLE, parquet) == ["5"]


# --- CSV ---


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    path = tmp_path / "comments.csv"
    table().to_csv(path, index=False, encoding="utf-8-sig")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert len(read_file(path, TASK, {}).frame) == 400


def test_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "comments.csv"
    path.write_bytes(b'text,toxicity\r\n"one\r\ntwo",0.5\r\nthree,1\r\n\r\n')
    assert read_file(path, TASK, {}).frame["text"].tolist() == ["one\r\ntwo", "three"]


def test_a_comment_over_the_csv_modules_limit_is_read_and_the_limit_is_restored(tmp_path: Path) -> None:
    before = 131_072
    csv.field_size_limit(before)
    frame = table()
    frame.loc[7, "text"] = "word " * 100_000
    path = written(tmp_path / "c.csv", frame)
    assert len(read_file(path, TASK, {}).frame["text"][7]) == 500_000
    assert csv.field_size_limit() == before
    left_early = read_chunks(path, TASK, {}, labelled=False, limit=ChunkLimit(rows=1))
    next(left_early)
    left_early.close()
    assert csv.field_size_limit() == before


def test_a_quote_that_is_never_closed_stops_the_reading(tmp_path: Path) -> None:
    lines = ["text,toxicity", *(f"fine {i},0.5" for i in range(5000))]
    lines[3000] = '"open,0.5'
    path = tmp_path / "c.csv"
    path.write_text("\n".join(lines))
    assert "row 3000 opens a quote that is never closed" in complaint(lambda: read_file(path, TASK, {}))


def test_a_gigantic_cell_stops_the_reading(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retort.data.formats.csv.LONGEST_CELL", 1000)
    path = tmp_path / "c.csv"
    path.write_text("text\nfine\n" + "a" * 1001 + "\n")
    assert "row 2 holds a cell of over 1,000 characters" in complaint(lambda: chunks(path))


def test_a_stream_reads_no_further_than_needed(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("text\n" + "fine\n" * 100_000 + '"open\nand more\n')
    stream = read_chunks(path, TASK, {}, labelled=False, limit=ChunkLimit(rows=10))
    assert next(stream).raw.share < 0.2
    assert "never closed" in complaint(lambda: list(stream))


# --- JSON lines ---


def test_a_line_that_never_ends_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retort.data.lines.LONGEST_LINE", 1000)
    path = tmp_path / "c.jsonl"
    path.write_text("[" + ", ".join('{"text": "fine"}' for _ in range(200)) + "]")
    assert "has a line of over 1,000 characters" in complaint(lambda: chunks(path))


# --- files that are unfit as a whole ---


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet", "csv.gz", "jsonl.gz", "parquet.gz"])
def test_an_empty_file_is_refused(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"c.{ending}"
    path.write_bytes(gzip.compress(b"") if ending.endswith("gz") else b"")
    message = complaint(lambda: chunks(path))
    assert "is empty" in message or "not a readable parquet" in message


@pytest.mark.parametrize("content", [b"text,toxicity\n", b"text,toxicity", b"\n\n", b"\xef\xbb\xbf"])
def test_a_file_without_rows_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(content)
    message = complaint(lambda: chunks(path))
    assert "no rows" in message or "is empty" in message


def test_missing_folder_unknown_and_truncated_files_are_refused(tmp_path: Path) -> None:
    assert "no such file" in complaint(lambda: chunks(tmp_path / "no.csv"))
    assert "is a folder" in complaint(lambda: chunks(tmp_path))
    (tmp_path / "c.xlsx").write_bytes(b"PK")
    assert ".csv, .tsv, .jsonl, .parquet, also .gz" in complaint(lambda: chunks(tmp_path / "c.xlsx"))
    (tmp_path / "c.parquet").write_bytes(b"PAR1 no more")
    assert "not a readable parquet file" in complaint(lambda: chunks(tmp_path / "c.parquet"))
    whole = gzip.compress(b"text,toxicity\n" + b"a,1\n" * 100_000)
    for torn in (whole[: len(whole) // 2], b"no gzip", whole[:40] + b"\0" * 40 + whole[80:]):
        (tmp_path / "c.csv.gz").write_bytes(torn)
        assert "not a readable csv file" in complaint(lambda: chunks(tmp_path / "c.csv.gz"))
    (tmp_path / "c.csv").write_bytes("text,toxicity\na,1\n".encode("utf-16"))
    assert "UTF-16" in complaint(lambda: chunks(tmp_path / "c.csv"))
    os.mkfifo(tmp_path / "pipe.csv")
    assert "not a regular file" in complaint(lambda: chunks(tmp_path / "pipe.csv"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "c.csv", table())
    path.chmod(0)
    assert "cannot be read" in complaint(lambda: read_file(path, TASK, {}))
