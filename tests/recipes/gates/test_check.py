import json

import pytest

from retort.errors import ConfigError, RunError
from retort.recipes.gates.check import check_gates, judge_written, refuse_failed, require_comparable
from retort.recipes.gates.figures import subjects_of
from retort.recipes.gates.gate import Gate


def figure(value, **more):
    return {"value": value, "low": 0.1, "high": 0.9, **more}


def arm(role, precision, size, **more):
    return {
        "role": role,
        "cost": {"size_bytes": size, "latency_ms": {"p50": 1.0, "p95": 2.5}, "train_seconds": None},
        "parameters": {"total": 10},
        "validation": {"toxicity": {"f1": figure(0.4)}},
        "test": {
            "toxicity": {"average_precision": figure(precision), "mcc": figure(None, why="every comment is positive")},
            "threat": {"average_precision": figure(0.2)},
        },
        **more,
    }


COMPARISON = {
    "primary": "toxicity",
    "arms": {
        "tfidf": arm("baseline", 0.4, 5),
        "teacher": arm("teacher", 0.8, 100),
        "odd": arm("student", 0.79, 55),
        "lora": arm("adapter", 0.75, 101),
    },
    "bias": {"arms": {"odd": {"final": figure(0.94), "groups": {"muslim": {"bpsn_auc": figure(0.8)}}}}},
}
AUDIT = {
    "schema": 1,
    "models": {"odd": {"threshold": 0.4}},
    "suite": {"cases": 3},
    "functional": {
        "models": {
            "odd": {
                "overall": {"failed": {"cases": 3, "share": 0.25}},
                "functionalities": {"threat_direct": {"missed": {"share": None, "why": "no case"}}},
            }
        }
    },
}
BENCH = {"formats": [{"arm": "odd", "format": "onnx int8", "comments_per_second": 400.0, "latency_ms": {"p95": 7.5}}]}


def rows(document, **gate):
    return check_gates([Gate(**gate)], document)


def test_a_gate_is_on_every_trained_model_unless_it_names_one():
    found = rows(COMPARISON, figure="average_precision", at_least=0.78)
    assert {row["model"]: row["passed"] for row in found} == {"teacher": True, "odd": True, "lora": False}
    assert [row["model"] for row in rows(COMPARISON, figure="average_precision", model="tfidf", at_least=0.78)] == [
        "tfidf"
    ]


def test_a_gate_relative_to_a_model_is_on_the_others():
    found = rows(COMPARISON, figure="average_precision", relative_to="teacher", at_least=-0.02)
    assert [(row["model"], row["passed"]) for row in found] == [("odd", True), ("lora", False)]
    assert found[0]["value"] == pytest.approx(-0.01)
    assert found[0]["bound"] == "at least teacher -0.02"
    ratio = rows(
        COMPARISON, figure="cost.size_bytes", model="odd", relative_to="teacher", compare_by="ratio", at_most=0.6
    )
    assert (ratio[0]["value"], ratio[0]["passed"]) == (pytest.approx(0.55), True)


def test_figures_have_the_names_of_their_keys():
    for name, value in {
        "cost.latency_ms.p95": 2.5,
        "parameters.total": 10.0,
        "validation.f1": 0.4,
        "bias.final": 0.94,
        "bias.groups.muslim.bpsn_auc": 0.8,
    }.items():
        assert rows(COMPARISON, figure=name, model="odd", at_least=0)[0]["value"] == value
    assert rows(COMPARISON, figure="average_precision", label="threat", model="odd", at_least=0)[0]["value"] == 0.2


def test_audit_and_bench_have_figures_too():
    assert (
        rows(AUDIT, figure="functional.failed", at_most=0.3)[0] | {"model": "odd", "value": 0.25, "passed": True}
        == (rows(AUDIT, figure="functional.failed", at_most=0.3)[0])
    )
    bench = rows(BENCH, figure="latency_ms.p95", at_most=5)
    assert [(row["model"], row["value"], row["passed"]) for row in bench] == [("odd/onnx int8", 7.5, False)]


def test_a_figure_that_was_not_computed_fails_its_gate_with_the_reason():
    for document, name, why in (
        (COMPARISON, "mcc", "every comment is positive"),
        (AUDIT, "functional.functionalities.threat_direct.missed", "no case"),
    ):
        row = rows(document, figure=name, model="odd", at_least=0)[0]
        assert (row["value"], row["passed"], row["why"]) == (None, False, why)
    row = rows(COMPARISON, figure="cost.train_seconds", model="odd", at_most=1)[0]
    assert (row["value"], row["passed"]) == (None, False)


def test_an_unknown_figure_model_or_label_is_refused_with_the_nearest_name():
    with pytest.raises(ConfigError, match="did you mean 'average_precision'"):
        rows(COMPARISON, figure="averge_precision", at_least=0)
    with pytest.raises(ConfigError, match=r"no model 'ood'.*did you mean 'odd'"):
        rows(COMPARISON, figure="average_precision", model="ood", at_least=0)
    with pytest.raises(ConfigError, match="no model 'nobody'"):
        rows(COMPARISON, figure="average_precision", relative_to="nobody", at_least=0)


def test_a_gate_that_would_judge_nothing_is_refused():
    baselines = {**COMPARISON, "arms": {"tfidf": COMPARISON["arms"]["tfidf"]}}
    with pytest.raises(ConfigError, match="no trained model to judge; name one: there are tfidf"):
        rows(baselines, figure="average_precision", at_least=0)


def test_what_can_be_known_before_training_is_refused_before_training():
    arms, labels = ["teacher", "odd"], ["toxicity"]
    for gate, message in (
        ({"figure": "bias.finl"}, "did you mean 'bias.final'"),
        ({"figure": "average_precision.xyz"}, "no such figure"),
        ({"figure": "avrage_precision"}, "did you mean 'average_precision'"),
        ({"figure": "f1", "model": "oddd"}, "did you mean 'odd'"),
        ({"figure": "f1", "label": "threat"}, "no label 'threat'"),
    ):
        with pytest.raises(ConfigError, match=message):
            require_comparable([Gate(**gate, at_least=0)], arms, labels)
    good = Gate(figure="bias.groups.muslim.bpsn_auc", model="odd", relative_to="teacher", at_least=-0.01)
    require_comparable([good], arms, labels)


def test_gates_are_added_to_the_file_and_each_that_failed_is_named(tmp_path):
    path = tmp_path / "comparison.json"
    path.write_text(json.dumps(COMPARISON), "utf-8")
    gates = [Gate(figure="average_precision", at_least=0.78), Gate(figure="mcc", model="odd", at_least=0)]
    found = judge_written(gates, path)
    written = json.loads(path.read_text("utf-8"))
    assert written["gates"] == found
    assert written["arms"] == COMPARISON["arms"]
    with pytest.raises(
        RunError, match=r"2 of 4 gates failed: lora: average_precision 0.75, not at least 0.78; odd: mcc"
    ):
        refuse_failed(found, tmp_path)
    refuse_failed([row for row in found if row["passed"]], tmp_path)


def test_a_label_is_for_comparisons_alone():
    with pytest.raises(ConfigError, match="is for a comparison"):
        rows(AUDIT, figure="functional.failed", label="threat", at_most=1)


def test_a_missed_difference_is_told_beside_what_it_is_relative_to(tmp_path):
    found = rows(COMPARISON, figure="average_precision", model="odd", relative_to="teacher", at_least=0.5)
    with pytest.raises(RunError, match=r"odd: average_precision teacher -0\.01, not at least teacher \+0\.5"):
        refuse_failed(found, tmp_path)


def test_every_model_of_a_document_is_a_subject():
    assert subjects_of(COMPARISON).judged == ("teacher", "odd", "lora")
    assert set(subjects_of(AUDIT).figures) == {"odd"}
