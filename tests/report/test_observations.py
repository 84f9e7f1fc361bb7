import copy
import json

import pytest

from retort import runs
from retort.report.choice import choose, verdict
from retort.report.observations import observe


def read(folder):
    return json.loads((folder / runs.COMPARISON).read_text("utf-8"))


def titled(comparison, title):
    return next((o for o in observe(comparison) if o.title == title), None)


def test_the_original_assignment_is_called_what_it_is(seed):
    said = titled(read(seed), "Accuracy equals the majority share")
    assert said.kind == "warning"
    assert "Every model has a test accuracy of 0.960." in said.text
    assert "3 of 75 test comments are toxic" in said.text
    assert "right 72 times" in said.text
    assert "Recall of each: 0.000." in said.text


def test_three_toxic_comments_choose_no_model(seed):
    choice = choose(read(seed))
    assert choice.arm is None
    assert "75 comments, 3 of them toxic: too few" in choice.reason
    assert titled(read(seed), "Few toxic comments").kind == "limit"
    assert titled(read(seed), "What the students keep of their teacher") is None


def test_models_that_flag_nothing_are_named(seed):
    said = titled(read(seed), "Models that never say “toxic”")
    assert said.text.startswith("teacher, odd, even and lora gave no test comment")


def test_odd_and_even_cannot_be_told_apart_and_it_says_what_it_would_take(seed):
    said = titled(read(seed), "Odd or even layers: cannot tell")
    assert "odd keeps teacher layers 0, 2, 4, 6, 8, 10, even keeps 1, 3, 5, 7, 9, 11" in said.text
    assert "test comments" in said.text


def test_what_lora_trained_and_cost_is_counted(seed):
    said = titled(read(seed), "What lora trained, and what it cost")
    assert "296,450 of" in said.text
    assert "LoRA makes training lighter, not the model" in said.text


def test_an_accuracy_above_the_majority_is_read_against_it(quick):
    said = titled(read(quick), "What accuracy is worth here")
    assert said.kind == "finding"
    assert "Shown to lie above it: teacher" in said.text


def test_overfitting_is_named_with_the_epoch_where_it_begins(ten_arms, quick):
    said = titled(read(ten_arms), "Overfitting")
    assert said.kind == "warning"
    assert "after epoch" in said.text
    assert titled(read(quick), "Overfitting") is None


def test_controls_tell_what_distilling_and_copying_are_worth(ten_arms):
    comparison = read(ten_arms)
    assert "odd against odd-alone" in titled(comparison, "What distillation is worth").text
    assert "odd against odd-random" in titled(comparison, "What copying layers is worth").text


def test_what_was_left_out_is_counted_and_a_file_named_sample_is_not_the_sample(quick):
    comparison = read(quick)
    assert titled(comparison, "Rows left out").text == "Rows that could not be used: blank text: 1."
    assert titled(comparison, "Duplicates").text.startswith("2 comments")
    assert titled(comparison, "Written for practice")
    comparison["data"]["source"] = "/home/somebody/sample.csv"
    assert titled(comparison, "Written for practice") is None


def change(comparison, a, b, verdict, metric="average_precision"):
    row = next(r for r in comparison["pairs"] if {r["a"], r["b"]} == {a, b} and r["metric"] == metric)
    row["verdict"] = verdict if verdict in ("tie", "cannot tell") else {row["a"]: "a", row["b"]: "b"}[verdict]


def test_the_fastest_model_that_is_not_shown_to_be_worse_is_shipped(quick):
    comparison = copy.deepcopy(read(quick))
    change(comparison, "teacher", "odd", "teacher")
    change(comparison, "teacher", "even", "cannot tell")
    assert choose(comparison).arm == "even"
    assert "cannot tell the two apart" in choose(comparison).reason
    change(comparison, "teacher", "even", "teacher")
    change(comparison, "teacher", "lora", "teacher")
    assert choose(comparison).arm == "teacher"
    # A bag of words that keeps up is the thing to ship.
    change(comparison, "teacher", "tfidf", "tie")
    assert choose(comparison).arm == "tfidf"
    assert "surely smaller than the tie margin" in choose(comparison).reason


def test_no_model_is_shipped_that_is_not_shown_to_beat_the_majority(quick):
    comparison = copy.deepcopy(read(quick))
    for arm in ("tfidf", "teacher", "odd", "even", "lora"):
        change(comparison, "majority", arm, "cannot tell")
    assert choose(comparison).arm is None
    assert verdict(comparison).startswith("No model here is shown")


@pytest.mark.parametrize("gone", ["latency_ms", "size_bytes", "train_seconds"])
def test_what_was_not_measured_is_not_spoken_of(quick, gone):
    comparison = copy.deepcopy(read(quick))
    for facts in comparison["arms"].values():
        facts["cost"][gone] = None
    texts = [verdict(comparison), *(o.text for o in observe(comparison))]
    assert all("None" not in text and "–" not in text.replace("0–", "") for text in texts)


def test_a_bare_comparison_of_two_baselines_still_has_a_report(make_run, tmp_path):
    comparison = read(make_run(tmp_path / "run", arms=("majority", "tfidf"), texts=False))
    assert choose(comparison).headline
    assert observe(comparison)
