"""Every kind of file comes in as the same table, and every fault is told in one line that helps."""

import csv
import gzip
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from retort.attributes import ATTRIBUTES, IDENTITIES
from retort.config import ColumnNames, DataSettings
from retort.data.rows import Most, read_chunks
from retort.data.sources import read, read_file
from retort.errors import DataError

PLAIN = ColumnNames()


def table(rows: int = 400, **columns: Sequence[Any]) -> pd.DataFrame:
    """Comments without fault; toxicity alternates, and some texts hold what breaks careless readers."""
    texts = [f"Comment number {i}, with a comma" for i in range(rows)]
    texts[3] = 'Two lines\nand a "quoted" word'
    texts[4] = "Caf\u00e9 \U0001f600\ttab"
    return pd.DataFrame({"text": texts, "toxicity": [0.6 if i % 2 else 0.25 for i in range(rows)]} | columns)


def written(path: Path, frame: pd.DataFrame) -> Path:
    """The table in the format of the path's ending."""
    kind = path.name.removesuffix(".gz").rpartition(".")[2]
    if kind == "parquet":
        frame.to_parquet(path)
    elif kind == "jsonl":
        frame.to_json(path, orient="records", lines=True)
    else:
        frame.to_csv(path, index=False, sep="\t" if kind == "tsv" else ",")
    return path


def complaint(action: Callable[[], Any]) -> str:
    """What a DataError says, which must be one line."""
    with pytest.raises(DataError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet", "csv.gz", "tsv.gz", "jsonl.gz", "CSV"])
def test_every_format_gives_the_same_comments(tmp_path: Path, ending: str) -> None:
    expected = table()
    comments = read_file(written(tmp_path / f"comments.{ending}", expected), PLAIN)
    assert comments.frame["text"].tolist() == expected["text"].tolist()
    assert comments.frame["toxicity"].tolist() == expected["toxicity"].astype(np.float32).tolist()
    assert comments.frame["toxicity"].dtype == np.float32
    assert comments.frame["id"].tolist() == [str(i + 1) for i in range(len(expected))]
    assert comments.attributes == ("toxicity",)
    assert comments.report.rows_read == len(expected)
    assert comments.report.dropped == {}
    assert len(comments.report.sha256 or "") == 64


def test_a_gzipped_parquet_file_is_read(tmp_path: Path) -> None:
    plain = written(tmp_path / "comments.parquet", table())
    packed = tmp_path / "packed.parquet.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert read_file(packed, PLAIN).frame.equals(read_file(plain, PLAIN).frame)


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    path = tmp_path / "comments.csv"
    table().to_csv(path, index=False, encoding="utf-8-sig")
    assert path.read_bytes().startswith(b"\xef\xbb\xbf")
    assert len(read_file(path, PLAIN).frame) == 400


def test_windows_line_ends_are_read(tmp_path: Path) -> None:
    path = tmp_path / "comments.csv"
    path.write_bytes(b'text,toxicity\r\n"one\r\ntwo",0.5\r\nthree,1\r\n\r\n')
    assert read_file(path, PLAIN).frame["text"].tolist() == ["one\r\ntwo", "three"]


def test_the_kaggle_header_is_understood_and_its_identities_are_kept(tmp_path: Path) -> None:
    columns = {"id": range(500, 900), "target": [0.5] * 400, "comment_text": [f"text {i}" for i in range(400)]}
    columns |= {name: [0.1] * 400 for name in ATTRIBUTES[1:]}
    columns |= {name: [1.0] + [None] * 399 for name in IDENTITIES} | {"created_date": ["2017"] * 400}
    comments = read_file(written(tmp_path / "train.csv", pd.DataFrame(columns)), PLAIN)
    assert comments.attributes == ATTRIBUTES
    assert comments.identities == IDENTITIES
    assert comments.frame["id"].tolist()[:2] == ["500", "501"]
    assert comments.frame["muslim"].tolist()[0] == 1
    assert comments.frame["muslim"].isna().sum() == 399
    assert list(comments.frame) == ["id", "text", *ATTRIBUTES, *IDENTITIES]


def test_the_wilds_header_brings_official_splits(tmp_path: Path) -> None:
    splits = ["train", "val", "test", "train"] * 100
    frame = table(split=splits, LGBTQ=[0.0] * 400, male=[0.0] * 400).rename(columns={"text": "comment_text"})
    path = tmp_path / "all_data_with_identities.csv"
    frame.to_csv(path)  # with pandas' unnamed index column, as the real file has
    comments = read_file(path, PLAIN)
    assert comments.frame["split"].tolist() == ["train", "validation", "test", "train"] * 100
    assert comments.identities == ("male",)


def test_a_split_column_with_other_values_is_not_used_and_noted(tmp_path: Path) -> None:
    comments = read_file(written(tmp_path / "c.csv", table(split=["fold1", "fold2"] * 200)), PLAIN)
    assert "split" not in comments.frame
    assert "'split'" in comments.report.notes[0]


def test_any_column_can_be_named(tmp_path: Path) -> None:
    frame = table(key=[f"k{i}" for i in range(400)], rude=[0.9] * 400, body=["words"] * 400)
    path = written(tmp_path / "c.csv", frame)
    comments = read_file(path, ColumnNames(text="body", id="key", toxicity="rude", insult="toxicity"))
    assert comments.attributes == ("toxicity", "insult")
    assert comments.frame["toxicity"].tolist()[0] == np.float32(0.9)
    assert comments.frame["id"].tolist()[:2] == ["k0", "k1"]
    assert set(comments.frame["text"]) == {"words"}


def test_repeated_or_empty_ids_become_unique(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("id,text,toxicity\na,one,0\na,two,1\na-2,three,1\n,four,1\na,five,0\n")
    assert read_file(path, PLAIN).frame["id"].tolist() == ["a", "a-3", "a-2", "4", "a-4"]


def test_never_rated_is_not_a_number_and_not_zero(tmp_path: Path) -> None:
    frame = read_file(written(tmp_path / "c.csv", table(insult=[None, 0.0] * 200)), PLAIN).frame
    assert frame["insult"].isna().sum() == 200


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_ratings_may_be_true_and_false(tmp_path: Path, ending: str) -> None:
    frame = table(toxicity=[True, False] * 200)
    assert read_file(written(tmp_path / f"c.{ending}", frame), PLAIN).frame["toxicity"].sum() == 200


def test_a_comment_over_the_csv_modules_limit_is_read(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    frame = table()
    frame.loc[7, "text"] = "word " * 100_000
    assert len(read_file(written(tmp_path / "c.csv", frame), PLAIN).frame["text"][7]) == 500_000
    assert csv.field_size_limit() == before


# --- faults of single rows ---

FAULTS = {
    "blank text": b'" \t",0.5',
    "blank text ": b"\xe2\x80\x8b,0.5",
    "NUL byte": b"a\0b,0.5",
    "invalid UTF-8": b"caf\xe9,0.5",
    "ragged row": b"a,0.5,extra",
    "ragged row ": b"a",
    "missing label": b"a,",
    "missing label ": b"a,NaN",
    "label that is not a number": b"a,high",
    "label outside 0 to 1": b"a,1.5",
    "label outside 0 to 1 ": b"a,-1",
    "label outside 0 to 1  ": b"a,inf",
}


def faulty_csv(path: Path, fault: bytes, rows: int, where: Sequence[int]) -> Path:
    lines = [b"text,toxicity", *(fault if i + 1 in where else b"fine %d,0.%d" % (i, i % 9) for i in range(rows))]
    path.write_bytes(b"\n".join(lines) + b"\n")
    return path


@pytest.mark.parametrize("name", FAULTS)
def test_a_few_faulty_rows_are_dropped_counted_and_named(tmp_path: Path, name: str) -> None:
    rows = [5, 17, 90, 400, 401, 555, 999]
    comments = read_file(faulty_csv(tmp_path / "c.csv", FAULTS[name], 1000, rows), PLAIN)
    assert len(comments.frame) == 993
    ((fault, dropped),) = comments.report.dropped.items()
    assert fault == name.strip()
    assert dropped.count == 7
    assert dropped.first_rows == (5, 17, 90, 400, 401)
    assert comments.report.as_dict()["dropped"] == {fault: {"count": 7, "first_rows": [5, 17, 90, 400, 401]}}
    json.dumps(comments.report.as_dict())
    assert any("5, 17, 90, 400, 401" in line for line in comments.report.lines())
    # Row numbers name rows of the file, also after one was dropped.
    assert "5" not in set(comments.frame["id"])
    assert "6" in set(comments.frame["id"])


@pytest.mark.parametrize("name", FAULTS)
def test_over_one_percent_of_faulty_rows_stop_the_reading(tmp_path: Path, name: str) -> None:
    path = faulty_csv(tmp_path / "c.csv", FAULTS[name], 500, [1, 2, 3, 4, 5, 6])
    said = complaint(lambda: read_file(path, PLAIN))
    assert f"6 of 500 rows cannot be used (6 x {name.strip()}, rows 1, 2, 3, 4, 5, ...)" in said
    assert len(read_file(faulty_csv(path, FAULTS[name], 500, [1, 2, 3, 4, 5]), PLAIN).frame) == 495


def test_faults_of_different_kinds_are_told_apart(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    lines = [b"text,toxicity", *(b"fine %d,0.5" % i for i in range(400)), b"a,b,c", b"a,2", b",1"]
    path.write_bytes(b"\n".join(lines))
    report = read_file(path, PLAIN).report
    assert {fault: dropped.first_rows for fault, dropped in report.dropped.items()} == {
        "ragged row": (401,), "label outside 0 to 1": (402,), "blank text": (403,),
    }  # fmt: skip


def test_json_lines_with_faults_are_counted(tmp_path: Path) -> None:
    good = [json.dumps({"text": f"fine {i}", "toxicity": i % 2}) for i in range(1000)]
    bad = ["{broken", "[1]", '{"toxicity": 1}', '{"text": 5, "toxicity": 1}', '{"text": "a", "toxicity": [1]}',
           '{"text": "\\ud800", "toxicity": 1}', '{"text": "a\\u0000", "toxicity": 1}', "[" * 100_000]  # fmt: skip
    path = tmp_path / "c.jsonl"
    path.write_text("\n".join([*good, "", *bad]))
    dropped = read_file(path, PLAIN).report.dropped
    assert {fault: d.first_rows for fault, d in dropped.items()} == {
        "line that is no JSON object": (1001, 1002, 1008),
        "blank text": (1003,),
        "text that is not a string": (1004,),
        "label that is not a number": (1005,),
        "invalid UTF-8": (1006,),
        "NUL byte": (1007,),
    }


def test_parquet_rows_with_faults_are_counted(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    texts = [b"fine"] * 1000
    texts[1], texts[2] = b"caf\xe9", b" "
    ratings: list[float | None] = [0.5] * 1000
    ratings[3], ratings[4] = None, 7.0
    column = pa.array(texts, pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": column, "toxicity": pa.array(ratings, pa.float32())}), tmp_path / "c.parquet")
    dropped = read_file(tmp_path / "c.parquet", PLAIN).report.dropped
    assert {fault: d.first_rows for fault, d in dropped.items()} == {
        "invalid UTF-8": (2,), "blank text": (3,), "missing label": (4,), "label outside 0 to 1": (5,),
    }  # fmt: skip


def test_a_quote_that_is_never_closed_stops_the_reading(tmp_path: Path) -> None:
    lines = ["text,toxicity", *(f"fine {i},0.5" for i in range(5000))]
    lines[3000] = '"open,0.5'
    path = tmp_path / "c.csv"
    path.write_text("\n".join(lines))
    assert "row 3000 opens a quote that is never closed" in complaint(lambda: read_file(path, PLAIN))


# --- files that are unfit as a whole ---


def test_a_missing_column_names_what_was_found_and_the_flag(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("id,body,score\n1,a,0\n")
    said = complaint(lambda: read_file(path, PLAIN))
    assert "no column 'text' or 'comment_text'; found 'id', 'body', 'score'. Name it with --text-column." in said
    said = complaint(lambda: read_file(path, ColumnNames(text="body")))
    assert "no column 'toxicity'" in said
    assert "--toxicity-column" in said
    said = complaint(lambda: read_file(path, ColumnNames(text="nobody")))
    assert "no column 'nobody'" in said
    assert "--text-column" in said
    said = complaint(lambda: read_file(path, ColumnNames(text="body", toxicity="score", severe_toxicity="x")))
    assert "no column 'x'" in said
    assert "--severe-toxicity-column" in said
    assert "--id-column" in complaint(lambda: read_file(path, ColumnNames(text="body", toxicity="score", id="x")))


def test_a_file_without_header_does_not_have_its_comments_printed(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("word " * 1000 + ",0.5\nmore,1\n")
    assert len(complaint(lambda: read_file(path, PLAIN))) < 300 + len(str(path))


def test_a_needed_column_that_stands_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("text,text,toxicity\na,b,0\n")
    assert "2 columns are called 'text'" in complaint(lambda: read_file(path, PLAIN))


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet", "csv.gz", "jsonl.gz", "parquet.gz"])
def test_an_empty_file_is_told(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"c.{ending}"
    path.write_bytes(gzip.compress(b"") if ending.endswith("gz") else b"")
    said = complaint(lambda: read_file(path, PLAIN))
    assert "empty" in said or "not a readable parquet" in said


@pytest.mark.parametrize("content", [b"text,toxicity\n", b"text,toxicity", b"\n\n", b"\xef\xbb\xbf"])
def test_a_file_without_rows_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "c.csv"
    path.write_bytes(content)
    said = complaint(lambda: read_file(path, PLAIN))
    assert "no rows" in said or "is empty" in said


def test_missing_folder_strange_and_torn_files_are_told(tmp_path: Path) -> None:
    assert "no such file" in complaint(lambda: read_file(tmp_path / "no.csv", PLAIN))
    assert "is a folder" in complaint(lambda: read_file(tmp_path, PLAIN))
    (tmp_path / "c.xlsx").write_bytes(b"PK")
    assert ".csv, .tsv, .jsonl, .parquet" in complaint(lambda: read_file(tmp_path / "c.xlsx", PLAIN))
    (tmp_path / "c.parquet").write_bytes(b"PAR1 no more")
    assert "not a readable parquet file" in complaint(lambda: read_file(tmp_path / "c.parquet", PLAIN))
    whole = gzip.compress(b"text,toxicity\n" + b"a,1\n" * 100_000)
    for torn in (whole[: len(whole) // 2], b"no gzip", whole[:40] + b"\0" * 40 + whole[80:]):
        (tmp_path / "c.csv.gz").write_bytes(torn)
        assert "not a readable csv file" in complaint(lambda: read_file(tmp_path / "c.csv.gz", PLAIN))
    (tmp_path / "c.csv").write_bytes("text,toxicity\na,1\n".encode("utf-16"))
    assert "UTF-16" in complaint(lambda: read_file(tmp_path / "c.csv", PLAIN))
    os.mkfifo(tmp_path / "pipe.csv")
    assert "not a regular file" in complaint(lambda: read_file(tmp_path / "pipe.csv", PLAIN))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_told(tmp_path: Path) -> None:
    path = written(tmp_path / "c.csv", table())
    path.chmod(0)
    assert "cannot be read" in complaint(lambda: read_file(path, PLAIN))


def test_without_labels_only_the_text_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("comment_text,toxicity,split\nhello,what,odd\n,1,2\n" + "fine,x,y\n" * 200)
    comments = read_file(path, PLAIN, labelled=False)
    assert list(comments.frame) == ["id", "text"]
    assert comments.attributes == ()
    assert comments.report.dropped["blank text"].first_rows == (2,)


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet"])
def test_a_file_of_texts_alone_can_be_read_without_labels(tmp_path: Path, ending: str) -> None:
    path = written(tmp_path / f"c.{ending}", table()[["text"]])
    assert read_file(path, PLAIN, labelled=False).frame["text"].tolist() == table()["text"].tolist()


def test_read_chooses_the_source(tmp_path: Path) -> None:
    path = written(tmp_path / "c.csv", table())
    assert len(read(DataSettings(source="file", train_file=path), seed=0).frame) == 400


def test_a_wide_file_is_read_at_a_million_rows_in_seconds(tmp_path: Path) -> None:
    rows = 60_000
    path = tmp_path / "train.csv"
    cells = ",".join(["0.0"] * 7 + [""] * 24)
    header = ",".join(["id", "comment_text", "target", *ATTRIBUTES[1:], *IDENTITIES])
    with path.open("w") as file:
        file.write(header + "\n")
        file.writelines(f'{i},"Comment {i}, {"word " * 40}",{cells}\n' for i in range(rows))
    begin = time.perf_counter()
    comments = read_file(path, PLAIN)
    # 1.8 million rows within two minutes on a busy machine, about 20 s on an idle one.
    assert time.perf_counter() - begin < 120 * rows / 1_800_000 + 1
    assert len(comments.frame) == rows


def test_real_files_come_in_whole(real_data: Path) -> None:
    comments = read_file(real_data / "civil_comments" / "train.csv", PLAIN)
    assert (len(comments.frame), comments.report.dropped) == (9981, {})
    assert (comments.frame["toxicity"] >= np.float32(0.6)).mean() == pytest.approx(0.163, abs=0.001)
    kaggle = read_file(real_data / "kaggle_header" / "first_100.csv", PLAIN)
    assert (len(kaggle.frame), kaggle.attributes, kaggle.identities) == (99, ATTRIBUTES, IDENTITIES)


# --- the same rows as a stream ---


@pytest.mark.parametrize("ending", ["csv", "tsv", "jsonl", "parquet", "csv.gz", "jsonl.gz", "parquet.gz"])
@pytest.mark.parametrize("most", [Most(rows=1), Most(rows=7), Most(rows=1000), Most(rows=1000, characters=90)])
def test_rows_are_the_same_in_chunks_of_any_size(tmp_path: Path, ending: str, most: Most) -> None:
    expected = table(50, id=[f"k{i}" for i in range(50)])
    plain = written(tmp_path / f"c.{ending.removesuffix('.gz')}", expected)
    path = tmp_path / f"c.{ending}"
    if path != plain:
        path.write_bytes(gzip.compress(plain.read_bytes()))
    chunks = list(read_chunks(path, PLAIN, labelled=False, most=most))
    assert [text for chunk in chunks for text in chunk.cells["text"]] == expected["text"].tolist()
    assert [cell for chunk in chunks for cell in chunk.cells["id"]] == expected["id"].tolist()
    assert [number for chunk in chunks for number in chunk.numbers] == list(range(1, 51))
    assert [chunk.first for chunk in chunks] == [1 + sum(c.count for c in chunks[:n]) for n in range(len(chunks))]
    assert max(chunk.count for chunk in chunks) <= most.rows
    shares = [chunk.share for chunk in chunks]
    assert shares == sorted(shares)
    assert 0 < shares[0] <= shares[-1] == 1
    if most.characters == 90 and "parquet" not in ending:
        assert max(chunk.count for chunk in chunks) <= 5


@pytest.mark.parametrize("rows", [1, 3, 100])
def test_faults_are_numbered_alike_in_chunks_of_any_size(tmp_path: Path, rows: int) -> None:
    path = tmp_path / "c.csv"
    path.write_text("id,text\n1,a\n2\n\n3,b\n4,c,d\n5,e\n")
    chunks = list(read_chunks(path, PLAIN, labelled=False, most=Most(rows=rows)))
    assert {n: fault for chunk in chunks for n, fault in chunk.broken.items()} == {2: "ragged row", 4: "ragged row"}
    assert [n for chunk in chunks for n in chunk.numbers] == [1, 3, 5]
    assert sum(chunk.count for chunk in chunks) == 5


def test_a_stream_reads_no_further_than_it_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("text\n" + "fine\n" * 100_000 + '"open\nand more\n')
    chunks = read_chunks(path, PLAIN, labelled=False, most=Most(rows=10))
    assert next(chunks).share < 0.2
    assert "never closed" in complaint(lambda: list(chunks))


def test_a_stream_that_is_left_gives_back_what_it_took(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    path = written(tmp_path / "c.csv", table())
    chunks = read_chunks(path, PLAIN, labelled=False, most=Most(rows=10))
    next(chunks)
    chunks.close()
    assert csv.field_size_limit() == before


def test_a_line_that_never_ends_is_told_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retort.data.rows.LONGEST_LINE", 1000)
    path = tmp_path / "c.jsonl"
    path.write_text("[" + ", ".join('{"text": "fine"}' for _ in range(200)) + "]")
    assert "has a line of over 1,000 characters" in complaint(lambda: read_file(path, PLAIN, labelled=False))


def test_rows_of_text_files_need_neither_pandas_nor_pyarrow() -> None:
    program = "import sys, retort.data.rows; print('pandas' in sys.modules, 'pyarrow' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["False", "False"]
