"""A file's scores are the classifier's answers for its rows, in their order, whatever the number of threads."""

import csv
import json
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from retort.data import faults
from retort.data.checks import CheckedRows
from retort.errors import ConfigError, DataError, RejectedError
from retort.inference.reading import Scored
from retort.runs import sha256
from retort.scoring import local, shards
from retort.scoring.local import Summary, in_order, score
from tests.data.samples import spam_task
from tests.data.samples import written as written_frame
from tests.scoring import answering

TASK = answering.classifier().task
TEXTS = [f'{"?" if n % 7 == 3 else ""}Comment {n}, {"long " * (n * 37 % 50)}and a "quote"' for n in range(1300)]
FRAME = pd.DataFrame({"text": TEXTS, "id": [f"c{n}" for n in range(len(TEXTS))]})


def written(path: Path, frame: pd.DataFrame = FRAME) -> Path:
    """The table in the format of the path's ending."""
    return written_frame(path, frame)


def read_back(out: Path) -> list[tuple[str, Any, Any, str | None]]:
    """Row by row: id, the two probabilities, verdict; None where a cell is empty."""
    names = ["id", *answering.ATTRIBUTES, "verdict"]
    if out.suffix == ".csv":
        with out.open(encoding="utf-8", newline="") as file:
            rows = [[row[name] or None for name in names] for row in csv.DictReader(file)]
        return [(row[0] or "", *(n if n is None else np.float32(n) for n in row[1:3]), row[3]) for row in rows]
    if out.suffix == ".jsonl":
        rows = [[json.loads(line)[name] for name in names] for line in out.read_text("utf-8").splitlines()]
        return [(row[0], *(n if n is None else np.float32(n) for n in row[1:3]), row[3]) for row in rows]
    parts = [out] if out.is_file() else sorted(out.glob("part-*.parquet"))
    frame = pd.concat([pd.read_parquet(part) for part in parts])
    assert list(frame) == names
    missing = frame.isna().to_numpy()
    return [
        (row[0], *(None if absent else np.float32(n) for n, absent in zip(row[1:3], gone[1:3], strict=True)),
         None if gone[3] else row[3])
        for row, gone in zip(frame.itertuples(index=False), missing, strict=True)
    ]  # fmt: skip


def expected(texts: Sequence[str], ids: Sequence[str]) -> list[tuple[str, Any, Any, str | None]]:
    """The classifier's answers, for all texts at once."""
    answers = answering.classifier().read(texts)
    return [
        (identifier, *(np.float32(answer.probabilities[name]) for name in answering.ATTRIBUTES), answer.verdict)
        for identifier, answer in zip(ids, answers, strict=True)
    ]  # type: ignore[misc]


EXPECTED = expected(TEXTS, FRAME["id"].tolist())


@pytest.mark.parametrize(
    ("source", "out"),
    [("c.csv", "s.csv"), ("c.csv", "s.jsonl"), ("c.csv", "s.parquet"), ("c.csv", "shards"), ("c.tsv", "s.CSV"),
     ("c.jsonl", "s.csv"), ("c.parquet", "s.csv"), ("c.csv.gz", "s.csv"), ("c.jsonl.gz", "s.csv"),
     ("c.parquet.gz", "shards")],
)  # fmt: skip
def test_every_row_has_the_classifiers_answer_for_its_text(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, out: str
) -> None:
    monkeypatch.setattr(shards, "SHARD_ROWS", 500)
    summary = score(written(tmp_path / source), tmp_path / out, answering.classifier(), {}, threads=3)
    path = tmp_path / out
    assert read_back(path.rename(path.with_name("s.csv")) if path.suffix == ".CSV" else path) == EXPECTED
    assert summary.rows == len(TEXTS)
    verdicts = [row[-1] for row in EXPECTED]
    assert summary.as_dict(TASK)["verdicts"] == {
        name: verdicts.count(name) for name in ("toxic", "non-toxic", "unsure")
    }
    assert min(summary.outcomes.values()) > 100
    assert summary.faults.total == 0
    assert [path.name for path in tmp_path.glob("*.partial")] == []


def test_shards_are_full_and_the_manifest_lists_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_ROWS", 500)
    source, out = written(tmp_path / "c.csv"), tmp_path / "a" / "shards"
    score(source, out, answering.classifier(), {}, threads=2)
    manifest = json.loads((out / "manifest.json").read_text("utf-8"))
    parts = [f"part-0000{n}.parquet" for n in range(3)]
    assert sorted(path.name for path in out.iterdir()) == ["manifest.json", *parts]
    assert manifest["shards"] == [
        {"file": name, "rows": rows, "sha256": sha256(out / name)}
        for name, rows in zip(parts, (500, 500, 300), strict=True)
    ]
    assert [len(pd.read_parquet(out / name)) for name in parts] == [500, 500, 300]
    assert (manifest["rows"], manifest["rejected"]) == (1300, 0)
    assert manifest["model"] == {"arm": "odd", "format": "onnx fp32", "sha256": "5a" * 32}
    assert manifest["input"] == {"file": "c.csv", "bytes": source.stat().st_size}


def test_without_ids_rows_are_numbered_and_columns_can_be_named(tmp_path: Path) -> None:
    frame = pd.DataFrame({"body": TEXTS[:9], "key": range(70, 79)})
    source = written(tmp_path / "c.parquet", frame)
    score(source, tmp_path / "a.csv", answering.classifier(), {"text": "body"}, threads=1)
    assert [row[0] for row in read_back(tmp_path / "a.csv")] == [str(n) for n in range(1, 10)]
    score(source, tmp_path / "b.csv", answering.classifier(), {"text": "body", "id": "key"}, threads=1)
    assert [row[0] for row in read_back(tmp_path / "b.csv")] == [str(n) for n in range(70, 79)]


def test_ids_of_whole_numbers_stay_so_where_some_are_missing(tmp_path: Path) -> None:
    frame = pd.DataFrame({"text": ["a", "b", "c"], "id": pd.array([7, None, 9], "Int64")})
    score(written(tmp_path / "c.parquet", frame), tmp_path / "s.csv", answering.classifier(), {}, threads=1)
    assert [row[0] for row in read_back(tmp_path / "s.csv")] == ["7", "2", "9"]


# --- rows that cannot be scored ---


def test_faulty_rows_keep_their_place_and_are_counted_by_fault(tmp_path: Path) -> None:
    lines = [b"id,text", *(b"c%d,fine %d" % (n, n) for n in range(1, 1201))]
    lines[5], lines[600], lines[601], lines[1200] = b'c5," "', b"c600,a\0b", b"c601,caf\xe9", b"c1200"
    source = tmp_path / "c.csv"
    source.write_bytes(b"\n".join(lines) + b"\n")
    for out in (tmp_path / "s.csv", tmp_path / "s.jsonl", tmp_path / "s.parquet"):
        summary = score(source, out, answering.classifier(), {}, threads=3)
        rows = read_back(out)
        # Of a row with too few cells nobody knows which of them is the id.
        assert [row[0] for row in rows] == [*(f"c{n}" for n in range(1, 1200)), "1200"]
        empty = [number for number, row in enumerate(rows, 1) if row[1:] == (None, None, None)]
        assert empty == [5, 600, 601, 1200]
        kept = [number for number in range(1, 1201) if number not in empty]
        assert [rows[n - 1] for n in kept] == expected([f"fine {n}" for n in kept], [f"c{n}" for n in kept])
        assert {fault: dropped.first_rows for fault, dropped in summary.faults.dropped.items()} == {
            "blank text": (5,), "NUL byte": (600,), "invalid UTF-8": (601,), "ragged row": (1200,),
        }  # fmt: skip
        assert summary.as_dict(TASK)["rejected"]["count"] == 4
        assert sum(summary.outcomes.values()) == 1196


def test_json_lines_that_are_none_keep_their_place(tmp_path: Path) -> None:
    source = tmp_path / "c.jsonl"
    source.write_text('{"text": "one"}\n\n{broken\n{"text": null}\n{"text": [1]}\n{"text": "five"}\n')
    summary = score(source, tmp_path / "s.jsonl", answering.classifier(), {}, threads=1)
    assert [(row[0], row[3] is None) for row in read_back(tmp_path / "s.jsonl")] == [
        ("1", False), ("2", True), ("3", True), ("4", True), ("5", False),
    ]  # fmt: skip
    assert {fault: dropped.first_rows for fault, dropped in summary.faults.dropped.items()} == {
        "line that is no JSON object": (2,), "blank text": (3,), "text that is not a string": (4,),
    }  # fmt: skip


def test_a_file_of_which_nothing_can_be_scored_is_written_all_the_same(tmp_path: Path) -> None:
    source = tmp_path / "c.csv"
    source.write_text('id,text\na," "\nb,\n')
    summary = score(source, tmp_path / "s.csv", answering.classifier(), {}, threads=2)
    assert read_back(tmp_path / "s.csv") == [("a", None, None, None), ("b", None, None, None)]
    with pytest.raises(RejectedError, match="2 of 2 rows could not be scored") as refused:
        summary.refuse_too_many_rejected(source, tmp_path / "s.csv")
    assert refused.value.exit_code == 7


def test_one_row_in_a_hundred_may_be_faulty_and_no_more() -> None:
    summary = Summary(rows=200)
    for row in (3, 5):
        summary.faults.add(faults.BLANK, row)
    summary.refuse_too_many_rejected(Path("in"), Path("out"))
    summary.faults.add(faults.BLANK, 7)
    with pytest.raises(RejectedError):
        summary.refuse_too_many_rejected(Path("in"), Path("out"))


def test_columns_and_verdicts_are_those_of_the_classifiers_task(tmp_path: Path) -> None:
    classifier = answering.classifier(task=spam_task(tmp_path), attributes=("spam", "scam"))
    source = tmp_path / "c.csv"
    source.write_text("number,message\n7,buy now\n8,hello\n9,?what\n")
    summary = score(source, tmp_path / "s.csv", classifier, {}, threads=1)
    header, *rows = [line.split(",") for line in (tmp_path / "s.csv").read_text().splitlines()]
    assert header == ["id", "spam", "scam", "verdict"]
    assert [row[0] for row in rows] == ["7", "8", "9"]
    assert [row[3] for row in rows] == [answer.verdict for answer in classifier.read(["buy now", "hello", "?what"])]
    assert sorted(summary.as_dict(classifier.task)["verdicts"]) == ["ham", "spam", "unsure"]
    assert {row[3] for row in rows} <= {"ham", "spam", "unsure"}


# --- threads ---


def blocks_of(texts: Sequence[str], rows: int = 512) -> Iterator[CheckedRows]:
    for begin in range(0, len(texts), rows):
        part = list(texts[begin : begin + rows])
        yield CheckedRows([str(begin + n) for n in range(len(part))], list(range(len(part))), part, {}, 0.0)


def test_order_is_kept_though_threads_are_overtaken() -> None:
    busy: set[int] = set()

    def unevenly_slow(texts: Sequence[str]) -> Scored:
        busy.add(threading.get_ident())
        time.sleep(0.001 * (len(texts[0]) % 3))
        return answering.scored(texts)

    texts = [f"{n} {'x' * (n % 11)}" for n in range(6000)]
    found = list(in_order(blocks_of(texts), answering.classifier(unevenly_slow).read, 4))
    assert [answer for _, answers in found for answer in answers] == answering.classifier().read(texts)
    assert [identifier for block, _ in found for identifier in block.ids] == [str(n) for n in range(6000)]
    assert len(busy) == 4


@pytest.mark.parametrize("seconds", [0.0, 0.002])
def test_at_most_so_many_rows_are_between_reader_and_writer(seconds: float) -> None:
    read = most = 0

    def counted() -> Iterator[CheckedRows]:
        nonlocal read, most
        for one in blocks_of(["a comment"] * 20_000):
            read += len(one)
            most = max(most, read - written_rows)
            yield one

    def slowly(texts: Sequence[str]) -> Scored:
        time.sleep(seconds)
        return answering.scored(texts)

    written_rows = 0
    for one, _ in in_order(counted(), answering.classifier(slowly).read, 2):
        written_rows += len(one)
    assert written_rows == 20_000
    assert 512 <= most <= local.ROWS_IN_FLIGHT


def test_blocks_are_read_and_written_while_others_are_scored() -> None:
    """More blocks are read before the texts of the first are answered."""
    read_third = threading.Event()

    def waiting(texts: Sequence[str]) -> Scored:
        # Without reading ahead, the third block would not be read before the first is answered.
        assert read_third.wait(20)
        return answering.scored(texts)

    def watched() -> Iterator[CheckedRows]:
        for number, one in enumerate(blocks_of(["a comment"] * 2000)):
            if number == 2:
                read_third.set()
            yield one

    assert sum(len(answers) for _, answers in in_order(watched(), answering.classifier(waiting).read, 2)) == 2000


@pytest.mark.parametrize("out", ["s.csv", "s.jsonl", "s.parquet", "shards"])
def test_a_model_that_fails_leaves_nothing_and_no_thread(tmp_path: Path, out: str) -> None:
    def failing(texts: Sequence[str]) -> Scored:
        if any("Comment 900," in text for text in texts):
            raise ZeroDivisionError
        return answering.scored(texts)

    source = written(tmp_path / "c.csv")
    with pytest.raises(ZeroDivisionError):
        score(source, tmp_path / out, answering.classifier(failing), {}, threads=3)
    assert list(tmp_path.iterdir()) == [source]
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("score")]


def test_ctrl_c_leaves_nothing_and_stops_calling_the_model(tmp_path: Path) -> None:
    asked = 0

    def counting(texts: Sequence[str]) -> Scored:
        nonlocal asked
        asked += len(texts)
        time.sleep(0.002)
        return answering.scored(texts)

    def interrupted(rows: int, share: float) -> None:
        assert 0 < share <= 1
        raise KeyboardInterrupt

    source = written(tmp_path / "c.csv", pd.concat([FRAME] * 8))
    with pytest.raises(KeyboardInterrupt):
        score(source, tmp_path / "s", answering.classifier(counting), {}, threads=2, progress=interrupted)
    assert list(tmp_path.iterdir()) == [source]
    # The first block, and the pieces that were running; seven more blocks were waiting.
    assert asked < local.ROWS_IN_FLIGHT / 2


# --- what is unfit as a whole ---


@pytest.mark.parametrize(
    ("name", "content", "telling"),
    [("c.csv", b"", "is empty"), ("c.csv", b"text\n", "no rows"), ("c.csv", b"a,b\n1,2\n", "--column text=HEADER"),
     ("c.csv", b'text\n"open\nand more\n', "never closed"), ("c.csv.gz", b"no gzip", "not a readable csv"),
     ("c.parquet", b"PAR1 no more", "not a readable parquet"), ("c.jsonl", b"\n\n", "is empty"),
     ("c.docx", b"x", "unknown ending")],
)  # fmt: skip
def test_a_file_that_is_unfit_is_refused_and_nothing_is_left(
    tmp_path: Path, name: str, content: bytes, telling: str
) -> None:
    source = tmp_path / name
    source.write_bytes(content)
    with pytest.raises(DataError, match=telling):
        score(source, tmp_path / "out" / "s.csv", answering.classifier(), {}, threads=1)
    assert not (tmp_path / "out").exists() or list((tmp_path / "out").iterdir()) == []


def test_a_gzip_that_ends_too_soon_is_refused_though_most_of_it_was_scored(tmp_path: Path) -> None:
    source = written(tmp_path / "c.csv.gz")
    source.write_bytes(source.read_bytes()[:-40])
    with pytest.raises(DataError, match="not a readable csv"):
        score(source, tmp_path / "shards", answering.classifier(), {}, threads=2)
    assert list(tmp_path.iterdir()) == [source]


def test_existing_files_are_not_overwritten(tmp_path: Path) -> None:
    source = written(tmp_path / "c.csv")
    before = source.read_bytes()
    with pytest.raises(ConfigError, match="is there already"):
        score(source, source, answering.classifier(), {}, threads=1)
    assert source.read_bytes() == before
