"""What an audit counts as missed and flagged, by functionality, group and label, and how it compares two models."""

from pathlib import Path

import pytest

from retort.recipes.audit import all_parts, functional
from tests.recipes.audit.made import TASK, Rule, model, silent, suite

ROWS = [
    {"text": "go away", "label": 1, "functionality": "rude", "group": "", "template": ""},
    {"text": "you rotten cats", "label": 1, "functionality": "rude", "group": "cats", "template": ""},
    {"text": "kind cats", "label": 0, "functionality": "warm", "group": "cats", "template": ""},
    {"text": "kind dogs", "label": 0, "functionality": "warm", "group": "dogs", "template": ""},
    {"text": "lovely day", "label": 0, "functionality": "warm", "group": "", "template": ""},
]


def test_missed_and_flagged_are_counted_by_functionality_and_group(tmp_path: Path) -> None:
    cats = model("cats", lambda text: 0.9 if "cats" in text else 0.1)
    found = functional.run([cats], suite(tmp_path, ROWS), silent)["models"]["cats"]
    entries = {"all": found["overall"], **found["functionalities"], **found["groups"]}
    counts = {
        name: (one["missed"]["failed"], one["missed"]["cases"], one["flagged"]["failed"], one["flagged"]["cases"])
        for name, one in entries.items()
    }
    assert counts == {
        "all": (1, 2, 1, 3), "rude": (1, 2, 0, 0), "warm": (0, 0, 1, 3), "cats": (0, 1, 1, 1), "dogs": (0, 0, 0, 1),
    }  # fmt: skip
    assert found["overall"]["failed"]["share"] == pytest.approx(2 / 5)
    assert [found["functionalities"][name]["expected"] for name in ("rude", "warm")] == ["positive", "negative"]


def test_a_group_without_such_cases_has_no_number_and_a_reason(tmp_path: Path) -> None:
    found = functional.run([model("m", lambda _: 0.1)], suite(tmp_path, ROWS), silent)["models"]["m"]
    missing = found["groups"]["dogs"]["missed"]
    assert missing["share"] is missing["low"] is missing["high"] is None
    assert missing["why"]
    assert found["groups"]["dogs"]["flagged"]["why"] is None


def test_a_probability_at_the_threshold_is_positive(tmp_path: Path) -> None:
    limit = model("limit", lambda _: 0.3, thresholds={TASK.primary: 0.3})
    assert functional.run([limit], suite(tmp_path, ROWS), silent)["models"]["limit"]["overall"]["flagged"]["share"] == 1


def test_a_model_without_a_threshold_is_judged_at_one_half(tmp_path: Path) -> None:
    bare = model("bare", lambda text: 0.5 if "away" in text else 0.49, thresholds={}, role="foreign")
    assert (bare.threshold, bare.has_threshold) == (0.5, False)
    found = functional.run([bare], suite(tmp_path, ROWS), silent)["models"]["bare"]["overall"]
    assert (found["missed"]["failed"], found["flagged"]["failed"]) == (1, 0)


def test_labels_of_further_attributes_are_judged_where_the_suite_has_them(tmp_path: Path) -> None:
    second, third = TASK.names[1:3]
    rows = [row | {second: value, third: ""} for row, value in zip(ROWS, (1, "", 0, 0, 1), strict=True)]
    both = model("both", lambda text: (0.1, 0.9 if "day" in text else 0.1), attributes=TASK.names[:2])
    found = functional.run([both], suite(tmp_path, rows), silent)["models"]["both"]["attributes"]
    assert list(found) == [second]
    assert (found[second]["missed"]["failed"], found[second]["missed"]["cases"]) == (1, 2)
    assert (found[second]["flagged"]["failed"], found[second]["flagged"]["cases"]) == (0, 2)


def test_two_models_are_compared_on_the_same_cases(tmp_path: Path) -> None:
    rows = [{"text": f"kind cat {i}", "label": 0, "functionality": "warm"} for i in range(20)]
    rows += [{"text": f"vile cat {i}", "label": 1, "functionality": "rude"} for i in range(20)]
    right = model("right", lambda text: 0.9 if "vile" in text else 0.1)
    jumpy = model("jumpy", lambda _: 0.9)
    pairs = functional.run([jumpy, right], suite(tmp_path, rows), silent)["pairs"]
    by_name = {(pair["measure"], pair["functionality"]): pair for pair in pairs}
    assert by_name.keys() == {
        ("failed", None), ("missed", None), ("flagged", None), ("failed", "warm"), ("failed", "rude"),
    }  # fmt: skip
    flagged = by_name["flagged", None]
    assert (flagged["difference"], flagged["only_a"], flagged["only_b"]) == (1.0, 20, 0)
    assert flagged["better"] == "right"
    assert by_name["missed", None]["better"] is None
    assert by_name["failed", "warm"]["p_holm"] == pytest.approx(2 * by_name["failed", "warm"]["p_value"])


def test_cases_of_one_template_are_no_proof_of_a_difference(tmp_path: Path) -> None:
    rows = [{"text": f"kind cat {i}", "label": 0, "template": "t", "functionality": "warm"} for i in range(40)]
    jumpy, right = model("jumpy", lambda _: 0.9), model("right", lambda _: 0.1)
    (overall, *_) = functional.run([jumpy, right], suite(tmp_path, rows), silent)["pairs"]
    assert overall["difference"] == 1.0
    assert overall["better"] is None


def test_no_text_is_scored_twice(tmp_path: Path) -> None:
    one = model("one", lambda _: 0.4)
    rows = [*ROWS, ROWS[0]]
    for part in all_parts().values():
        if part.why_not([one], suite(tmp_path, rows)) is None:
            part.run([one], suite(tmp_path, rows), silent)
    assert isinstance(one.classifier.model, Rule)
    assert sorted(one.classifier.model.asked) == sorted(set(one.classifier.model.asked))
