"""The comparison of mitigations: its figures, and that it goes on where it was interrupted."""

import argparse
import itertools
import json
from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from benchmarks.mitigation import students
from benchmarks.mitigation.students import SETTINGS, bpsn, in_order, measured, settings_of, suite_figures, table
from benchmarks.mitigation.suite import SuiteRows

import retort
from retort.errors import ConfigError
from tests.command import QUICK

TOXIC = np.array([1, 1, 0, 0, 0, 1], bool)
ROWS = SuiteRows(
    [f"case {n}" for n in range(6)],
    TOXIC,
    np.array([0, 0, 1, 1, 0, 0], bool),
    {"a": np.array([0, 1, 1, 0, 0, 0], bool), "b": np.array([0, 0, 0, 1, 0, 1], bool), "c": np.zeros(6, bool)},
)
SCORES = np.array([0.9, 0.3, 0.4, 0.95, 0.1, 0.8])


def given(out: Path, data: Path, *assignments: str, **changes) -> argparse.Namespace:
    values = {
        "out": out, "data": data, "validation": None, "test": data, "teacher": None, "weight": 3.0,
        "preset": "civil-comments", "base": "minilm", "set": list(assignments),
    }  # fmt: skip
    return argparse.Namespace(**values | changes)


def test_bpsn_is_the_share_of_pairs_in_which_the_toxic_case_of_others_is_above_the_harmless_one():
    for member in ROWS.groups.values():
        pairs = list(itertools.product(SCORES[TOXIC & ~member], SCORES[~TOXIC & member]))
        expected = np.mean([high > low for high, low in pairs]) if pairs else None
        assert bpsn(SCORES, TOXIC, member) == (None if expected is None else pytest.approx(expected))


def test_figures_are_shares_at_the_threshold_and_a_group_without_an_answer_does_not_count():
    found = suite_figures(SCORES, 0.4, ROWS)
    assert found["harmless_flagged"] == 1
    assert found["suite_recall"] == pytest.approx(2 / 3)
    assert found["bpsn_by_group"] == {"a": 1.0, "b": 0.0, "c": None}
    assert found["bpsn"] == 0.5
    assert suite_figures(SCORES, 0.5, ROWS)["harmless_flagged"] == 0.5


def test_a_setting_that_changes_the_students_alone_takes_the_teacher_of_none(tmp_path):
    assert in_order(["distillation"], None) == ["none", "distillation"]
    assert in_order(["distillation"], tmp_path) == ["distillation"]
    assert in_order(["both", "augment"], None) == ["augment", "both"]
    options = given(tmp_path / "out", tmp_path / "train.csv")
    assert settings_of(options, "distillation", 2).teacher_folder == tmp_path / "out" / "none-2" / "teacher"
    assert settings_of(options, "both", 2).teacher_folder is None
    with pytest.raises(ConfigError, match="--settings all-of-it: not known; there are none, "):
        in_order(["all-of-it"], None)


def test_settings_differ_in_what_they_are_named_for_alone(tmp_path):
    options = given(tmp_path, tmp_path / "train.csv", "student.epochs=1")
    found = {name: settings_of(options, name, 1) for name in SETTINGS}
    weights = {name: (s.teacher.identity_weight, s.student.identity_weight) for name, s in found.items()}
    assert weights == {name: (3, 3) if SETTINGS[name].weigh else (1, 1) for name in SETTINGS}
    assert [name for name, s in found.items() if s.data.augment == "neutral"] == ["augment", "both", "all"]
    assert [name for name, s in found.items() if s.distillation.identity_weight == 3] == ["distillation", "all"]
    assert {s.seed for s in found.values()} == {1}
    assert {s.student.epochs for s in found.values()} == {1}


def test_the_table_has_the_mean_and_the_deviation_over_seeds():
    rows = [
        {"setting": "none", "arms": {"odd": dict.fromkeys(students.FIGURES, value) | {"bpsn": None}}}
        for value in (0.7, 0.8)
    ]
    assert table(rows)[2] == "| none | odd | 2 | 0.7500 ± 0.0707 | 0.7500 ± 0.0707 | 0.7500 ± 0.0707 | – |"


def test_what_is_measured_is_not_trained_again_and_other_options_are_refused(tmp_path):
    options = given(tmp_path, tmp_path / "train.csv")
    kept = {"setting": "none", "seed": 0, "settings": settings_of(options, "none", 0).model_dump(mode="json")}
    (tmp_path / "none-0.json").write_text(json.dumps(kept))
    with mock.patch.object(retort, "compare", side_effect=AssertionError("trained again")):
        assert measured(options, "none", 0, ROWS) == kept
        options.set.append("student.epochs=9")
        with pytest.raises(ConfigError, match=r"none-0.json: made with other options"):
            measured(options, "none", 0, ROWS)


@pytest.mark.slow
def test_tiny_models_are_trained_measured_and_printed(tmp_path, tiny_bert, tiny_comments, capsys):
    arguments = [
        tmp_path / "out", "--preset", "quickstart", "--data", tiny_comments, "--test", tmp_path / "test.csv",
        "--base", tiny_bert, "--seeds", "1", "--settings", "distillation,all", *QUICK,
        "--set", "teacher.epochs=1", "--set", "student.epochs=1",
    ]  # fmt: skip
    # The same comments, written otherwise.
    (tmp_path / "test.csv").write_text(
        tiny_comments.read_text().replace("!", "!!").replace('."', '?"').replace(".,", "?,")
    )
    with mock.patch("retort.recipes.compare.write_report"):
        assert students.main([str(argument) for argument in arguments]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[:2] for line in lines[2:6]] == [
        ["| distillation", "teacher"], ["| distillation", "odd"], ["| all", "teacher"], ["| all", "odd"],
    ]  # fmt: skip
    found = json.loads((tmp_path / "out" / "all-0.json").read_text())
    assert 0 <= found["arms"]["odd"]["harmless_flagged"] <= 1
    assert found["notes"][-2].startswith("augment:")
    assert sorted(path.name for path in (tmp_path / "out").glob("*.json")) == [
        "all-0.json", "distillation-0.json", "none-0.json",
    ]  # fmt: skip
