"""Rows that cannot be used are dropped, counted and named; too many of them stop the reading."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retort.data import faults
from retort.data.checks import check
from retort.data.chunks import RawChunk
from retort.data.columns import Columns
from retort.data.files import NamedChunk
from retort.data.sources import read_file
from tests.data.samples import TASK, complaint, table, written

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
    comments = read_file(faulty_csv(tmp_path / "c.csv", FAULTS[name], 1000, rows), TASK, {})
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
    found = complaint(lambda: read_file(path, TASK, {}))
    assert f"6 of 500 rows cannot be used (6 x {name.strip()}, rows 1, 2, 3, 4, 5, ...)" in found
    assert len(read_file(faulty_csv(path, FAULTS[name], 500, [1, 2, 3, 4, 5]), TASK, {}).frame) == 495


def test_faults_of_different_kinds_are_counted_apart(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    lines = [b"text,toxicity", *(b"fine %d,0.5" % i for i in range(400)), b"a,2", b"a,b,c", b",1"]
    path.write_bytes(b"\n".join(lines))
    dropped = read_file(path, TASK, {}).report.dropped
    assert [(fault, rows.first_rows) for fault, rows in dropped.items()] == [
        ("label outside 0 to 1", (401,)), ("ragged row", (402,)), ("blank text", (403,)),
    ]  # fmt: skip


def test_json_lines_with_faults_are_counted(tmp_path: Path) -> None:
    good = [json.dumps({"text": f"fine {i}", "toxicity": i % 2}) for i in range(1000)]
    bad = ["{broken", "[1]", '{"toxicity": 1}', '{"text": 5, "toxicity": 1}', '{"text": "a", "toxicity": [1]}',
           '{"text": "\\ud800", "toxicity": 1}', '{"text": "a\\u0000", "toxicity": 1}', "[" * 100_000]  # fmt: skip
    path = tmp_path / "c.jsonl"
    path.write_text("\n".join([*good, "", *bad]))
    dropped = read_file(path, TASK, {}).report.dropped
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
    dropped = read_file(tmp_path / "c.parquet", TASK, {}).report.dropped
    assert {fault: d.first_rows for fault, d in dropped.items()} == {
        "invalid UTF-8": (2,), "blank text": (3,), "missing label": (4,), "label outside 0 to 1": (5,),
    }  # fmt: skip


def test_repeated_or_empty_ids_become_unique(tmp_path: Path) -> None:
    path = tmp_path / "c.csv"
    path.write_text("id,text,toxicity\na,one,0\na,two,1\na-2,three,1\n,four,1\na,five,0\n")
    assert read_file(path, TASK, {}).frame["id"].tolist() == ["a", "a-3", "a-2", "4", "a-4"]


def test_never_rated_is_not_a_number_and_not_zero(tmp_path: Path) -> None:
    frame = read_file(written(tmp_path / "c.csv", table(insult=[None, 0.0] * 200)), TASK, {}).frame
    assert frame["insult"].isna().sum() == 200


@pytest.mark.parametrize("ending", ["csv", "parquet", "jsonl"])
def test_ratings_may_be_true_and_false(tmp_path: Path, ending: str) -> None:
    frame = table(toxicity=[True, False] * 200)
    assert read_file(written(tmp_path / f"c.{ending}", frame), TASK, {}).frame["toxicity"].sum() == 200


ROWS = st.lists(st.one_of(st.none(), st.text(max_size=3), st.just(5)))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(first=st.integers(1, 1000), rows=ROWS, broken=st.sets(st.integers(0, 20)))
def test_every_row_has_an_id_and_either_its_text_or_its_fault(
    first: int, rows: list[str | int | None], broken: set[int]
) -> None:
    faulty = {place: faults.RAGGED for place in broken if place < len(rows)}
    whole = [place for place in range(len(rows)) if place not in faulty]
    cells = {"body": [rows[place] for place in whole], "key": [f"id-{place}" for place in whole]}
    columns = Columns({"text": "body", "id": "key"})
    checked = check(NamedChunk(columns, range(first, first + len(rows)), RawChunk(len(rows), cells, faulty, 0.5)))
    assert len(checked) == len(rows)
    assert checked.ids == [f"id-{p}" if p not in faulty else str(first + p) for p in range(len(rows))]
    assert checked.texts == [rows[place] for place in checked.places]
    assert sorted([*checked.places, *(number - first for number in checked.faults)]) == list(range(len(rows)))
    assert list(checked.faults) == sorted(checked.faults)
