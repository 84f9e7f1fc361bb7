"""Suites of test cases: which kind a file is, what its rows say, and what is refused."""

import csv
import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from retort.data.suite import box_suite, read_suite
from retort.data.suites import layouts
from retort.errors import ConfigError, DataError
from retort.tasks import Task, default_task

TASK = default_task()
HATECHECK = ["", "functionality", "case_id", "test_case", "label_gold", "target_ident", "direction", "templ_id"]
CASES = [
    ["0", "direct_h", "7", "People of that town are vermin.", "hateful", "townspeople", "general", "3"],
    ["1", "neutral_nh", "8", "The town has a bakery.", "non-hateful", "", "", ""],
]
HATEMOJI = [
    "case_id", "templ_id", "test_grp_id", "text", "target", "functionality", "set", "label_gold", "unrealistic_flags",
    "included_in_test_suite",
]  # fmt: skip


def written(path: Path, header: Sequence[str], rows: Sequence[Sequence[Any]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)
    return path


def test_hatecheck_is_told_by_its_header(tmp_path: Path) -> None:
    suite = read_suite(written(tmp_path / "suite.csv", HATECHECK, CASES), TASK)
    assert suite.kind == "HateCheck"
    assert suite.texts == ["People of that town are vermin.", "The town has a bakery."]
    assert suite.labels.tolist() == [True, False]
    assert list(suite.frame["id"]) == ["7", "8"]
    assert list(suite.frame["template"]) == ["3", ""]
    assert list(suite.functionalities()) == ["direct_h", "neutral_nh"]
    assert {name: cases.tolist() for name, cases in suite.groups().items()} == {"townspeople": [True, False]}


def test_the_five_headers_of_hatecheck_are_enough(tmp_path: Path) -> None:
    header = ["functionality", "test_case", "label_gold", "target_ident", "direction"]
    rows = [[row[HATECHECK.index(name)] for name in header] for row in CASES]
    suite = read_suite(written(tmp_path / "suite.csv", header, rows), TASK)
    assert suite.kind == "HateCheck"
    assert list(suite.frame["id"]) == ["1", "2"]


def test_hatemojicheck_has_labels_of_one_and_zero(tmp_path: Path) -> None:
    rows = [["1", "2", "3", "I detest \U0001f469", "women", "detest", "orig", "1", "", "1"]]
    rows += [["2", "2", "3", "I love \U0001f469", "women", "love", "polar", "0", "", "1"]]
    suite = read_suite(written(tmp_path / "suite.csv", HATEMOJI, rows), TASK)
    assert suite.kind == "HatemojiCheck"
    assert suite.labels.tolist() == [True, False]
    assert list(suite.groups()) == ["women"]


def test_groups_of_sentence_templates_are_what_their_phrases_name(tmp_path: Path) -> None:
    primary, positive = TASK.primary, TASK.keys["positive"]
    rows = [["verb_adj", positive, "loathe gay people"], ["name_adj", f"non{positive}", "Robin is Muslim"]]
    rows += [["name_adj", f"non{positive}", "Robin is tall"]]
    suite = read_suite(written(tmp_path / "madlibs.csv", ["template", primary, "phrase"], rows), TASK)
    assert suite.kind == "Jigsaw's sentence templates"
    assert suite.labels.tolist() == [True, False, False]
    assert list(suite.frame["template"]) == ["verb_adj", "name_adj", "name_adj"]
    groups = suite.groups()
    assert groups["muslim"].tolist() == [False, True, False]
    assert groups["homosexual_gay_or_lesbian"].tolist() == [True, False, False]


def test_any_file_with_a_text_and_a_label_is_a_suite(tmp_path: Path) -> None:
    suite = read_suite(written(tmp_path / "mine.csv", ["text", "label"], [["fine", 0], ["awful", 1]]), TASK)
    assert suite.labels.tolist() == [False, True]
    assert suite.functionalities() == suite.groups() == {}


def test_columns_are_named_on_request_and_shares_of_raters_are_labels(tmp_path: Path) -> None:
    path = written(tmp_path / "mine.csv", ["body", "bad", "who", "what"], [["a", 0.59, "x", "p"], ["b", 0.6, "", "q"]])
    columns = {"text": "body", "label": "bad", "group": "who", "functionality": "what"}
    suite = read_suite(path, TASK, columns)
    assert TASK.label_threshold == 0.6
    assert suite.labels.tolist() == [False, True]
    assert list(suite.groups()) == ["x"]
    assert list(suite.functionalities()) == ["p", "q"]


def test_comments_with_identity_columns_are_a_suite_with_groups_that_overlap(tmp_path: Path) -> None:
    first, second = TASK.identities.columns[:2]
    rows = [["a", 0.9, 1.0, 0.6], ["b", 0.1, "", 0.5], ["c", 0.0, 0.2, 0.0]]
    path = written(tmp_path / "comments.csv", ["comment_text", TASK.primary, first, second], rows)
    suite = read_suite(path, TASK)
    assert {name: cases.tolist() for name, cases in suite.groups().items()} == {
        first: [True, False, False],
        second: [True, True, False],
    }
    assert suite.attributes == (TASK.primary,)


def test_a_suite_reads_alike_from_csv_gzip_json_lines_and_parquet(tmp_path: Path) -> None:
    plain = written(tmp_path / "suite.csv", HATECHECK, CASES)
    packed = tmp_path / "suite.csv.gz"
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    lines = tmp_path / "suite.jsonl"
    lines.write_text("".join(json.dumps(dict(zip(HATECHECK, row, strict=True))) + "\n" for row in CASES), "utf-8")
    table = tmp_path / "suite.parquet"
    pd.DataFrame(CASES, columns=HATECHECK).to_parquet(table)
    expected = read_suite(plain, TASK).frame
    for path in (packed, lines, table):
        pd.testing.assert_frame_equal(read_suite(path, TASK).frame, expected)


def test_labels_that_are_floating_point_numbers_with_gaps_are_read(tmp_path: Path) -> None:
    path = tmp_path / "suite.parquet"
    labels = [1.0, 0.0, *[0.0] * 200]
    pd.DataFrame(
        {"text": [f"t{i}" for i in range(202)], "label": labels, "threat": [np.nan, 1.0, *labels[2:]]}
    ).to_parquet(path)
    suite = read_suite(path, TASK)
    assert suite.labels.tolist()[:2] == [True, False]
    assert suite.frame["threat"].isna().tolist()[:3] == [True, False, False]


def test_a_few_faulty_rows_are_left_out_with_a_note(tmp_path: Path) -> None:
    rows = [[f"case {i}", i % 2] for i in range(300)]
    rows[4], rows[7] = ["  ", 1], ["fine", ""]
    suite = read_suite(written(tmp_path / "mine.csv", ["text", "label"], rows), TASK)
    assert len(suite) == 298
    assert suite.notes == ("left out 1 x blank text, row 5", "left out 1 x missing label, row 8")


@pytest.mark.parametrize("missing", ["test_case", "label_gold", "functionality"])
def test_a_missing_column_is_named_with_what_was_found(tmp_path: Path, missing: str) -> None:
    header = [name for name in HATECHECK if name != missing]
    rows = [[cell for name, cell in zip(HATECHECK, row, strict=True) if name != missing] for row in CASES]
    with pytest.raises(DataError) as refused:
        read_suite(written(tmp_path / "suite.csv", header, rows), TASK)
    message = str(refused.value)
    assert f"'{missing}'" in message
    assert "found '', 'functionality'" in message if missing != "functionality" else "found '', 'case_id'" in message
    assert "HateCheck" in message
    assert "--column" in message


def test_a_file_of_no_kind_is_told_what_any_suite_needs(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no column for text .*'comment_text'.* and label .*found 'a', 'b'"):
        read_suite(written(tmp_path / "odd.csv", ["a", "b"], [["x", "y"]]), TASK)


def test_a_label_of_another_kind_is_named_with_its_row(tmp_path: Path) -> None:
    rows = [*CASES, ["2", "direct_h", "9", "Well.", "perhaps", "", "", ""]]
    with pytest.raises(DataError, match=r"row 3: label 'perhaps'.*hateful and non-hateful"):
        read_suite(written(tmp_path / "suite.csv", HATECHECK, rows), TASK)


@pytest.mark.parametrize("label", ["2", "-1", "1e9", "inf"])
def test_a_number_outside_0_to_1_is_no_label(tmp_path: Path, label: str) -> None:
    with pytest.raises(DataError, match="row 1: label"):
        read_suite(written(tmp_path / "mine.csv", ["text", "label"], [["fine", label]]), TASK)


@pytest.mark.parametrize("rows", [[], [["", 1]], [["fine", ""]]])
def test_a_suite_without_a_usable_case_is_refused(tmp_path: Path, rows: list[list[Any]]) -> None:
    with pytest.raises(DataError):
        read_suite(written(tmp_path / "mine.csv", ["text", "label"], rows), TASK)


@pytest.mark.parametrize(
    ("columns", "telling"),
    [
        ({"txet": "text"}, "did you mean 'text'"),
        ({"text": "text", "label": "text"}, "is given for 'text' too"),
    ],
)
def test_a_wrong_name_of_a_column_is_an_error_of_the_settings(
    tmp_path: Path, columns: dict[str, str], telling: str
) -> None:
    with pytest.raises(ConfigError, match=telling):
        read_suite(written(tmp_path / "mine.csv", ["text", "label"], [["fine", 1]]), TASK, columns)


def test_a_named_header_that_is_not_there_is_an_error_of_the_data(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no column 'body' \\(text\\); found 'text', 'label'"):
        read_suite(written(tmp_path / "mine.csv", ["text", "label"], [["fine", 1]]), TASK, {"text": "body"})


def test_the_box_has_its_own_kind_and_labels_for_every_attribute() -> None:
    suite = box_suite(TASK)
    assert suite.attributes == TASK.names
    assert len(suite.functionalities()) > 5
    assert suite.frame[TASK.primary].eq(1).equals(suite.frame["label"])
    assert suite.frame["id"].is_unique


def test_the_box_refuses_a_task_that_it_has_no_labels_for() -> None:
    spam = Task.model_validate(
        {"name": "spam", "meaning": "Unwanted.", "primary": "spam", "labels": [{"name": "spam"}]}
        | {"verdict": {"positive": "Spam", "negative": "Not spam"}}
    )
    with pytest.raises(ConfigError, match="no labels for the task 'spam'; give cases with --suite FILE"):
        box_suite(spam)


def test_every_layout_needs_a_text_and_a_label_and_one_takes_any_file() -> None:
    assert all({"text", "label"} <= set(layout.needed) for layout in layouts())
    assert [layout.needed for layout in layouts()].count(("text", "label")) == 1
    assert layouts()[-1].needed == ("text", "label")
