import copy
import re

import pytest

from retort import runs
from retort.report.choice import choose, verdict
from retort.report.comparison import Comparison
from retort.report.observations import observe


def read(folder):
    return runs.read_comparison(folder)


def titled(content, title):
    return next((o for o in observe(Comparison(content)) if o.title == title), None)


def test_the_original_assignment_is_called_what_it_is(seed):
    found = titled(read(seed), "Accuracy equals the majority share")
    assert found.category == "warning"
    assert "Every model has a test accuracy of 0.960." in found.text
    assert "3 of 75 test comments are toxic" in found.text
    assert "right 72 times" in found.text
    assert "Recall of each: 0.000." in found.text


def test_few_positives_are_a_limit_and_make_no_finding_about_students(seed):
    assert titled(read(seed), "Few toxic comments").category == "limit"
    assert titled(read(seed), "The students against the teacher") is None


def test_models_that_flag_nothing_are_named(seed):
    found = titled(read(seed), "Models that never answer “toxic”")
    assert found.text.startswith("teacher, odd, even and lora gave no test comment")


def test_odd_and_even_are_undecided_and_three_positives_plan_nothing(seed):
    found = titled(read(seed), "Odd or even layers: cannot tell")
    assert "odd keeps teacher layers 0, 2, 4, 6, 8, 10, even keeps 1, 3, 5, 7, 9, 11" in found.text
    assert "test comments" not in found.text


def test_what_lora_trained_and_cost_is_counted(seed):
    found = titled(read(seed), "What lora trained, and what it cost")
    assert "296,450 of" in found.text
    assert "adapters do not make the model lighter" in found.text


def test_an_accuracy_above_the_majority_is_read_against_it(quick):
    found = titled(read(quick), "What accuracy is worth here")
    assert found.category == "finding"
    assert "Shown to be above it: teacher" in found.text


def test_overfitting_is_named_with_the_epoch_where_it_begins(ten_arms, quick):
    found = titled(read(ten_arms), "Overfitting")
    assert found.category == "warning"
    assert "after epoch" in found.text
    assert titled(read(quick), "Overfitting") is None


def test_adapters_on_fewer_layers_than_the_teachers_have_no_remark_on_speed(ten_arms):
    found = titled(read(ten_arms), "What lora-odd trained, and what it cost")
    assert "with the teacher" in found.text
    assert "lighter" not in found.text


def test_a_control_differs_from_its_student_in_start_or_distillation_alone(ten_arms):
    found = [o for o in observe(Comparison(read(ten_arms))) if " against odd-" in o.text]
    assert {(o.title, o.text.partition(":")[0]) for o in found if "odd-base" not in o.text} == {
        ("What distillation is worth", "odd against odd-alone (the same copied layers, fine-tuned on labels alone)"),
        ("What copying layers is worth", "odd against odd-random (same distillation, random layers)"),
    }
    (base,) = (o for o in found if "odd-base" in o.text)
    assert base.title == "What the teacher's fine-tuning of the layers is worth"
    assert base.text.startswith(
        "odd-alone against odd-base (no teacher: layers of the pre-trained base, fine-tuned on labels alone):"
    )


def test_arms_with_other_layers_or_without_recorded_starts_are_no_controls(ten_arms):
    comparison = copy.deepcopy(read(ten_arms))
    comparison["arms"]["odd-alone"]["layer_indices"] = [0, 1, 2]
    assert titled(comparison, "What distillation is worth") is None
    for facts in comparison["arms"].values():
        del facts["start"]
    assert not any(" against odd-" in o.text for o in observe(Comparison(comparison)))


def test_what_was_left_out_is_counted_and_a_file_named_sample_is_not_the_sample(quick):
    comparison = read(quick)
    assert titled(comparison, "Rows left out").text == "Rows that could not be used: blank text: 1."
    assert titled(comparison, "Duplicates").text.startswith("2 comments")
    assert titled(comparison, "Written for practice")
    comparison = copy.deepcopy(comparison)
    comparison["data"]["source"] = "/home/somebody/sample.csv"
    assert titled(comparison, "Written for practice") is None


def test_a_baseline_is_called_by_its_title(make_run, tmp_path):
    arms = ("majority", "tfidf", "teacher", "odd")
    run = make_run(tmp_path / "run", arms=arms, rows=(458, 98, 900), texts=False)
    found = titled(read(run), "Better than the baseline")
    assert "better than TF-IDF with logistic regression, which has" in found.text


@pytest.mark.parametrize("gone", ["latency_ms", "size_bytes", "train_seconds"])
def test_sentences_leave_out_what_was_not_measured(quick, gone):
    comparison = copy.deepcopy(read(quick))
    for facts in comparison["arms"].values():
        facts["cost"][gone] = None
    texts = [verdict(comparison), *(o.text for o in observe(Comparison(comparison)))]
    assert all("None" not in text and "–" not in text.replace("0–", "") for text in texts)


def test_a_comparison_of_two_baselines_has_a_headline_and_observations(make_run, tmp_path):
    comparison = Comparison(read(make_run(tmp_path / "run", arms=("majority", "tfidf"), texts=False)))
    assert choose(comparison).headline
    assert observe(comparison)


def test_one_seed_has_no_spread_and_several_are_set_against_the_comments(quick, seeded):
    assert "not the chance in training" in titled(read(quick), "One seed: no spread").text
    content = read(seeded)
    assert titled(content, "One seed: no spread") is None
    found = titled(content, "What seeds change, and what comments change")
    figures = {
        arm: content["arms"][arm]["test"]["toxicity"]["average_precision"]
        for arm in ("static", "teacher", "odd", "even", "lora")
    }
    spreads = {arm: figure["spread"] for arm, figure in figures.items()}
    least, most = min(spreads, key=spreads.get), max(spreads, key=spreads.get)
    assert f"from {spreads[least]:.3f} ({least}) to {spreads[most]:.3f} ({most})" in found.text
    # Of some 49 positives: less than a binomial share of them would have, and not nothing.
    least_error, most_error = map(float, re.search(r"one of about (0\.\d+) to (0\.\d+)", found.text).groups())
    assert 0.01 < least_error < most_error < 0.5 / 49**0.5 + 0.01


def test_a_failed_seed_is_a_warning_that_names_it(seeded):
    content = read(seeded) | {"failed_seeds": {"seed 3": "loss is NaN"}}
    found = titled(content, "A training failed")
    assert found.category == "warning"
    assert found.text.startswith("seed 3: loss is NaN. The figures are of 3 seeds.")
    assert titled(read(seeded), "A training failed") is None


def test_many_comparisons_name_holms_correction_or_its_absence(seeded):
    content = read(seeded)
    assert "after Holm's correction" in titled(content, "Many comparisons").text
    for row in content["pairs"]:
        row["p_holm"] = None
    assert (
        "without correction: if no pair differed at all, up to about 1 would"
        in titled(content, "Many comparisons").text
    )


def test_a_threshold_that_was_not_chosen_as_asked_has_its_reason(seed):
    found = titled(read(seed), "A threshold that is not as asked")
    assert found.text == "tfidf, teacher, odd, even and lora: fewer than 10 positive validation comments: 0.5."


@pytest.mark.parametrize(
    ("verdict", "favours", "words"),
    [
        ("better", "odd", "shown to be better"),
        ("better", "teacher", "shown to be worse"),
        ("equivalent", None, "equivalent"),
        ("not worse", "odd", "shown not to be worse by more than the margin"),
        ("not worse", "teacher", "not shown to be as good, and not better by more than the margin"),
        ("cannot tell", None, "cannot tell whether it is worse"),
    ],
)
def test_what_is_said_of_a_student_against_its_teacher_is_the_verdict_of_their_pair(seeded, verdict, favours, words):
    content = read(seeded)
    for row in content["pairs"]:
        if {row["a"], row["b"]} == {"odd", "teacher"}:
            row |= {"verdict": verdict, "favours": {"odd": "b", "teacher": "a"}.get(favours)}
            assert (row["a"], row["b"]) == ("teacher", "odd")
    text = titled(content, "The students against the teacher").text
    assert f"({words})" in text.partition("odd has")[2].partition(";")[0]


def test_a_model_overfits_when_most_of_its_seeds_do(ten_arms):
    content = copy.deepcopy(read(ten_arms))
    (rising,) = content["arms"]["teacher"]["training"]
    falling = rising | {"history": [row | {"validation_loss": 1.0 / row["epoch"]} for row in rising["history"]]}
    content["seeds"] = [0, 1, 2]
    for others, named in ((["rises", "falls"], True), (["falls", "falls"], False)):
        training = [rising, *(rising if other == "rises" else falling for other in others)]
        content["arms"]["teacher"]["training"] = [once | {"seed": seed} for seed, once in enumerate(training)]
        found = titled(content, "Overfitting")
        assert ("teacher" in found.text.partition(": ")[2].partition(".")[0]) == named


def test_odd_and_even_say_with_how_many_seeds_one_is_ahead(seeded):
    content = read(seeded)
    row = next(r for r in content["pairs"] if (r["a"], r["b"], r["metric"]) == ("odd", "even", "average_precision"))
    ahead = sum(value > 0 for value in row["seeds"])
    found = next(o for o in observe(Comparison(content)) if o.title.startswith("Odd or even layers"))
    assert f"(odd is ahead with {ahead} of 3 seeds)" in found.text
