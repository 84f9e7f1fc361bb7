"""A file is described in numbers that can be checked by hand."""

import json
from pathlib import Path
from typing import Any

import pytest

from retort.cli.description import description_lines
from retort.data.sources import read_file
from retort.recipes.describe import describe
from retort.tasks import default_task
from tests.data.samples import spam_task

TASK = default_task()


def described(path: Path, rows: int, *, labelled: bool = True) -> dict[str, Any]:
    lines = [f"text {i} is an id1ot,{0.6 if i % 5 == 0 else 0.1},,{1 if i % 2 else ''}" for i in range(rows)]
    path.write_text("\n".join(["text,toxicity,threat,male", *lines, "TEXT 1 is  an id1ot,0,1,0"]) + "\n")
    return describe(read_file(path, TASK, {}, labelled=labelled), TASK)


def test_rows_duplicates_lengths_and_shares_are_counted(tmp_path: Path) -> None:
    found = described(tmp_path / "c.csv", 999)
    json.dumps(found, allow_nan=False)
    assert (found["rows"], found["duplicates"]) == (1000, 1)
    assert found["changed_by_normalising"] == 1000
    assert found["words"] == {"least": 5, "median": 5, "p95": 5, "most": 5}
    assert found["attributes"]["toxicity"] == {"rated": 1000, "positive": 200, "share": 0.2}
    assert found["attributes"]["threat"] == {"rated": 1, "positive": 1, "share": 1.0}
    assert found["identities"]["male"] == {"annotated": 500, "mentioned": 499}
    assert found["report"]["rows_read"] == 1000
    assert found["official_splits"] is None


def test_expected_precision_is_that_of_the_default_shares(tmp_path: Path) -> None:
    expected = described(tmp_path / "c.csv", 1000)["expected"]
    assert expected["rows"] == {"train": 700, "validation": 150, "test": 150}
    assert expected["positives"] == {"train": 140, "validation": 30, "test": 30}
    assert expected["all_negative_accuracy"] == pytest.approx(0.8)
    # Wald's interval, 1.96 sqrt(p (1 - p) / n), is near at these sizes.
    assert expected["half_width"]["accuracy"] == pytest.approx(1.96 * (0.8 * 0.2 / 150) ** 0.5, rel=0.02)
    assert expected["half_width"]["recall"] == pytest.approx(1.96 * (0.25 / 30) ** 0.5, rel=0.07)


def test_an_unlabelled_file_is_described_too(tmp_path: Path) -> None:
    found = described(tmp_path / "c.csv", 50, labelled=False)
    assert found["expected"] is None
    assert found["attributes"] == {}


def test_a_handful_of_rows_promises_nothing(tmp_path: Path) -> None:
    assert described(tmp_path / "c.csv", 3)["expected"]["half_width"]["recall"] is None


def test_threshold_and_words_are_those_of_the_task(tmp_path: Path) -> None:
    task = spam_task(tmp_path)
    path = tmp_path / "c.csv"
    path.write_text("message,spam\n" + "".join(f"offer {i},{0.5 if i % 4 == 0 else 0.4}\n" for i in range(200)))
    found = describe(read_file(path, task, {}), task)
    assert found["label_threshold"] == 0.5
    assert found["attributes"]["spam"]["positive"] == 50
    lines = "\n".join(description_lines(found, task))
    assert "split 70/15/15, the test part has 30 comments, about 8 of them spam." in lines
    assert '"never spam" would have an accuracy of 75.0% there.' in lines
