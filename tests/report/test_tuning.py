"""The section on searched settings: every trial of every model, and nothing where nothing was searched."""

import copy
import dataclasses
import shutil
from typing import Any

import pytest

from retort import runs
from retort.report.comparison import Comparison
from retort.report.page import write_report
from retort.report.run_folder import Run, read_run
from retort.report.sections.tuning import content, rates
from retort.report.style import LIGHT

TRIALS: list[dict[str, Any]] = [
    {"learning_rate": 3e-4, "average_precision": 0.71, "state": "complete", "epochs": 3},
    {"learning_rate": 2.15e-3, "average_precision": 0.74, "state": "complete", "epochs": 3},
    {"learning_rate": 3.1e-5, "average_precision": 0.41, "state": "pruned", "epochs": 2},
    {"learning_rate": 2.9e-3, "average_precision": None, "state": "failed", "epochs": 0, "why": "the loss is nan"},
]
SEARCH = {
    "chosen": {"trial": 2, "learning_rate": 2.15e-3},
    "range": {"learning_rate": [3e-5, 3e-3]},
    "seconds": 42.0,
    "trials": TRIALS,
}
RANKED = SEARCH | {
    "chosen": {"trial": 2, "learning_rate": 2.15e-3, "r": 16},
    "range": {"learning_rate": [3e-5, 3e-3], "r": [4, 8, 16, 32]},
    "trials": [trial | {"r": 4 * 2**index} for index, trial in enumerate(TRIALS)],
}


@pytest.fixture
def run(quick) -> Run:
    run = read_run(quick)
    found = copy.deepcopy(dict(run.comparison.content))
    found["tuning"] = {"trials": 4, "arms": {"odd": SEARCH, "lora": RANKED}}
    return dataclasses.replace(run, comparison=Comparison(found))


def test_a_run_without_a_search_has_no_such_section(quick):
    assert content(read_run(quick)) is None
    assert rates(read_run(quick), LIGHT, False) is None
    assert "Searched settings" not in (quick / runs.REPORT).read_text("utf-8")


def test_every_trial_is_a_row_and_the_chosen_one_is_marked(run):
    tables = dict(content(run)["tables"])
    assert list(tables) == ["odd", "lora"]
    rows = [[cell.text for cell in row] for row in tables["odd"].rows]
    assert rows == [
        ["1", "3e-4", "0.710", "3", ""],
        ["2", "2.15e-3", "0.740", "3", "chosen"],
        ["3", "3.1e-5", "0.410", "2", "given up"],
        ["4", "2.9e-3", "–", "0", "failed"],
    ]
    assert tables["odd"].rows[0][1].note == "as set"
    assert tables["odd"].footnotes == ("the loss is nan",)
    assert [column.title for column in tables["lora"].columns][2] == "rank"
    assert [row[2].text for row in tables["lora"].rows] == ["4", "8", "16", "32"]
    assert "ranks of 4, 8, 16 and 32" in tables["lora"].caption


@pytest.mark.parametrize("narrow", [False, True])
def test_every_trial_that_was_measured_is_a_point_within_the_axes(run, narrow):
    figure = rates(run, LIGHT, narrow)
    for axis, ranked in zip(figure.axes[:2], (False, True), strict=True):
        points = {(line.get_xdata()[0], line.get_ydata()[0]) for line in axis.get_lines()}
        assert points == {(t["learning_rate"], t["average_precision"]) for t in TRIALS if t["average_precision"]}
        # The chosen one has a ring around it, one that was given up is not filled.
        assert len(axis.get_lines()) == len(points) + 1
        low, high = axis.get_xlim()
        assert all(low < rate < high for rate, _ in points)
        assert [text.get_text() for text in axis.texts] == (["r 4", "r 8", "r 16"] if ranked else [])


def test_the_report_has_the_section_between_learning_and_ranking(quick, run, tmp_path):
    folder = shutil.copytree(quick, tmp_path / "run")
    runs.write_json(folder / runs.COMPARISON, run.comparison.content)
    write_report(folder)
    headings = [line for line in (folder / runs.COMPARISON_TABLE).read_text("utf-8").splitlines() if line[:3] == "## "]
    assert headings[headings.index("## How they learned") + 1] == "## Searched settings"
    assert (folder / runs.PLOTS / "tuning.svg").is_file()
