"""comparison.json of former schemas, written out as those versions wrote it."""

import copy
import json
from typing import Any

import pytest

from retort import runs
from retort.former_schema import upgraded_comparison
from retort.report.choice import choose
from retort.report.comparison import Comparison
from retort.report.comparison_tables import judged_table, pairs_table, running_costs_table, training_costs_table
from retort.report.observations import observe
from retort.tasks import default_task


def _figures(value: float) -> dict[str, Any]:
    names = ("accuracy", "precision", "recall", "f1", "mcc", "roc_auc", "average_precision", "brier", "ece")
    figures = {
        name: {"value": value, "low": value - 0.1, "high": value + 0.1, "interval": "bootstrap"} for name in names
    }
    return figures | {
        "precision": {"value": None, "low": None, "high": None, "why": "no comment was given 0.5 or more"}
    }


def _arm(kind: str, value: float, layers: list[int] | None) -> dict[str, Any]:
    epoch = {
        "epoch": 1, "train_loss": {"total": 0.5, "hard": 0.4, "soft": 0.1, "hidden": None}, "validation_loss": 0.45,
        "validation": {"accuracy": 0.9, "f1": 0.5, "average_precision": 0.6, "roc_auc": 0.9}, "seconds": 3.0,
    }  # fmt: skip
    return {
        "kind": kind,
        "layer_indices": layers,
        "teacher_layers": 6 if layers else None,
        "parameters": {"total": 1000, "trainable": 1000},
        "history": [epoch] if layers else [],
        "best_epoch": 1 if layers else None,
        "test": {"toxicity": _figures(value)},
        "cost": {
            "train_seconds": 9.0, "peak_train_memory_bytes": 900_000_000, "size_bytes": 4000,
            "latency_ms": {"p50": 2.0, "p95": 3.0}, "comments_per_second": 500.0,
        },
    }  # fmt: skip


def _pair(a: str, b: str, difference: float | None, verdict: str) -> dict[str, Any]:
    row = {"a": a, "b": b, "metric": "average_precision", "difference": difference, "verdict": verdict}
    if difference is None:
        missing = dict.fromkeys(("low", "high", "p_value", "comments_needed"))
        return row | missing | {"why": "no comment is positive"}
    numbers = {"low": difference - 0.02, "high": difference + 0.02, "p_value": 0.03, "comments_needed": 5_065_739}
    return row | numbers | {"interval": "bootstrap"}


# As retort wrote it before roles and tasks were recorded.
SCHEMA_1: dict[str, Any] = {
    "schema": 1,
    "preset": "quickstart",
    "seed": 7,
    "base": "minilm",
    "attributes": ["toxicity"],
    "primary": "toxicity",
    "label_threshold": 0.6,
    "decision_threshold": 0.5,
    "data": {
        "rows": {"test": 98},
        "shares": {name: {"rows": 98, "toxicity": 0.2} for name in runs.SPLIT_NAMES},
        "source": "sample",
        "duplicates": {},
        "dropped": {},
    },
    "notes": [],
    "arms": {
        "majority": _arm("majority", 0.2, None),
        "teacher": _arm("teacher", 0.8, [0, 1, 2, 3, 4, 5]),
        "odd": _arm("student", 0.78, [0, 2, 4]),
        "even": _arm("student", 0.77, [1, 3, 5]),
    },
    "pairs": [
        _pair("teacher", "odd", 0.02, "cannot tell"),
        _pair("teacher", "even", 0.03, "a"),
        _pair("odd", "even", 0.001, "tie"),
        _pair("odd", "majority", None, "cannot tell"),
        _pair("majority", "teacher", -0.6, "b"),
    ],
    "verdict": "On a CPU, ship odd.",
}


def schema_2() -> dict[str, Any]:
    """The same with what schema 2 added, and a threshold for each label, which it allowed."""
    content = copy.deepcopy(SCHEMA_1)
    roles = {"majority": ("baseline", None), "teacher": ("teacher", "transformers")}
    for name, facts in content["arms"].items():
        role, loader = roles.get(name, ("student", "transformers"))
        facts |= {"role": role, "loader": loader, "title": name, "start": "teacher", "distilled": True}
        for row in facts["history"]:
            row["label_loss"] = row["train_loss"]["hard"]
    costs = {"teacher_outputs_seconds": 4.0}
    more = {"task": default_task().as_dict(), "terms": {}, "costs": costs, "decision_threshold": {"toxicity": 0.4}}
    return content | more | {"schema": 2}


@pytest.fixture(params=["1", "2"])
def old(request) -> dict[str, Any]:
    return upgraded_comparison(copy.deepcopy(SCHEMA_1) if request.param == "1" else schema_2())


def test_verdicts_of_a_former_run_keep_what_they_said(old) -> None:
    found = {(row["a"], row["b"]): (row["verdict"], row["favours"]) for row in old["pairs"]}
    assert found == {
        ("teacher", "odd"): ("cannot tell", None),
        ("teacher", "even"): ("better", "a"),
        ("odd", "even"): ("equivalent", None),
        ("odd", "majority"): ("cannot tell", None),
        ("majority", "teacher"): ("better", "b"),
    }
    assert Comparison(old).better("teacher", "majority")


def test_what_a_former_run_measured_is_kept_and_what_it_lacks_is_missing(old) -> None:
    comparison = Comparison(old)
    assert (comparison.former, comparison.seeds, comparison.margin, comparison.limits) == (True, [7], None, {})
    figure = comparison.figure("odd", "average_precision")
    assert (figure["value"], figure["seeds"], figure["spread"], figure["low"]) == (
        0.78,
        [0.78],
        None,
        pytest.approx(0.68),
    )
    assert comparison.validation("odd") is None
    assert comparison.threshold("odd") == (0.5 if old["schema"] == 1 else 0.4)
    assert comparison.latency("odd") == 2.0
    # That was the peak of the whole process; that was the number for the observed difference.
    assert comparison.cost("odd", "peak_train_memory_bytes") is None
    assert all(row["comments_needed"] is None and row["p_holm"] is None for row in old["pairs"])
    assert comparison.history("odd")[0]["label_loss"] == 0.4


def test_tables_of_a_former_run_mark_what_was_not_measured(old) -> None:
    comparison = Comparison(old)
    (row,) = [row for row in pairs_table(comparison).rows if row[0].text == "teacher − odd"]
    assert [cell.text for cell in row[1:]] == ["+0.020", "0.000 to +0.040", "0.030", "–", "cannot tell", "–", "–"]
    assert row[-1].why == "not measured"
    (row,) = [row for row in judged_table(comparison, metrics=["f1", "f1_at_half"]).rows if row[0].text == "odd"]
    assert (row[1].text, row[2].text, row[2].why) == ("0.780", "–", "not measured")
    for table in (running_costs_table(comparison), training_costs_table(comparison)):
        assert any("not measured" in note for note in table.footnotes)


def test_a_former_run_recommends_nothing_and_says_what_is_missing(old) -> None:
    comparison = Comparison(old)
    choice = choose(comparison)
    assert choice.headline == "No model is recommended."
    assert "Average precision on validation was not measured for any model." in choice.reason
    assert "teacher is shown to be better than even." in choice.reason
    observations = {o.title: o.text for o in observe(comparison)}
    assert "spread over seeds" in observations["Made by an earlier version"]
    assert "One seed: no spread" in observations
    assert not any("None" in text for text in [choice.reason, *observations.values()])


def test_a_comparison_of_the_present_schema_is_left_as_it_is() -> None:
    present = {"schema": 3, "arms": {"odd": {"role": "student", "loader": "transformers"}}, "pairs": [], "task": {}}
    assert upgraded_comparison(present) == present | {"terms": upgraded_comparison({})["terms"]}


def test_upgrading_changes_nothing_in_what_it_is_given() -> None:
    given = copy.deepcopy(SCHEMA_1)
    upgraded_comparison(given)
    assert json.dumps(given) == json.dumps(SCHEMA_1)
