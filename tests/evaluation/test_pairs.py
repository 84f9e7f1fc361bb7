import numpy as np
import pytest

from retort.evaluation.figures import Evidence
from retort.evaluation.pairs import difference, holm, paired_differences, verdict
from tests.evaluation.made import arms_of


def evidence_of(rows: int, skills: dict[str, float], threshold: float = 0.5, **made) -> dict[str, Evidence]:
    labels, predictions = arms_of(rows, skills, **made)
    return {
        arm: Evidence.of(labels[:, 0], one[:, :, 0], np.full(len(one), threshold)) for arm, one in predictions.items()
    }


def pair(rows, a, b, metric="average_precision"):
    return next(row for row in rows if (row["a"], row["b"], row["metric"]) == (a, b, metric))


def test_holm_is_as_worked_by_hand():
    # 0.01 x 4, 0.03 x 2 after 0.04 / 0.02 x 3: the running maximum, at most 1.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.5]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize(
    ("low", "high", "p_holm", "expected", "favours"),
    [
        (-0.005, 0.009, 0.9, "equivalent", None),
        (0.001, 0.009, 0.001, "equivalent", None),  # shown better, but by less than matters
        (0.001, 0.2, 0.04, "better", "a"),
        (-0.2, -0.001, 0.04, "better", "b"),
        (0.001, 0.2, 0.06, "not worse", "a"),
        (-0.2, -0.001, 0.06, "not worse", "b"),
        (-0.009, 0.2, 0.5, "not worse", "a"),
        (-0.2, 0.009, 0.5, "not worse", "b"),
        (-0.2, 0.2, 0.5, "cannot tell", None),
        (-0.01, 0.01, 0.5, "equivalent", None),
    ],
)
def test_verdicts_follow_from_interval_margin_and_corrected_p(low, high, p_holm, expected, favours):
    assert verdict(low, high, p_holm, 0.01) == {"verdict": expected, "favours": favours}


def test_a_better_arm_is_found_on_either_side_of_a_pair():
    evidence = evidence_of(2000, {"weak": 1, "strong": 3}, seeds=3)
    row = pair(paired_differences(evidence, 0.01), "weak", "strong")
    assert (row["verdict"], row["favours"]) == ("better", "b")
    assert row["high"] < 0
    assert row["p_value"] <= row["p_holm"] < 0.05
    swapped = pair(paired_differences(dict(reversed(evidence.items())), 0.01), "strong", "weak")
    assert (swapped["verdict"], swapped["favours"]) == ("better", "a")
    assert swapped["low"] == pytest.approx(-row["high"])


def test_arms_that_score_alike_are_equivalent():
    evidence = evidence_of(5000, {"odd": 2})
    rng = np.random.default_rng(0)
    noisy = np.clip(evidence["odd"].probabilities + rng.normal(0, 1e-4, (1, 5000)), 0, 1)
    evidence["even"] = Evidence(evidence["odd"].labels, noisy, evidence["odd"].thresholds)
    assert {row["verdict"] for row in paired_differences(evidence, 0.01)} == {"equivalent"}


def test_an_arm_without_chance_is_paired_with_every_seed_of_the_other():
    evidence = evidence_of(300, {"odd": 2}, seeds=3)
    evidence["tfidf"] = evidence_of(300, {"tfidf": 1})["tfidf"]
    row = pair(paired_differences(evidence, 0.01), "odd", "tfidf")
    single = evidence["tfidf"].value("average_precision")
    assert row["seeds"] == pytest.approx([value - single for value in evidence["odd"].values("average_precision")])
    assert row["difference"] == pytest.approx(np.mean(row["seeds"]))
    assert row["spread"] == pytest.approx(np.std(row["seeds"], ddof=1))


def test_shared_comments_and_seeds_make_a_difference_surer_than_its_parts():
    evidence = evidence_of(2000, {"odd": 2, "even": 2}, seeds=3)
    found, _, _, _ = difference(evidence["odd"], evidence["even"], "average_precision")
    parts = [one.uncertainty("average_precision").variance for one in evidence.values()]
    assert found.variance < 0.5 * sum(parts)


def test_without_a_disputed_comment_accuracy_keeps_an_interval():
    evidence = evidence_of(75, {"odd": 2})
    evidence["again"] = evidence["odd"]
    row = pair(paired_differences(evidence, 0.01), "odd", "again", "accuracy")
    assert row["difference"] == 0
    assert row["low"] < -0.02
    assert row["high"] > 0.02
    assert row["p_value"] == 1


def test_three_positive_comments_never_decide_a_pair():
    labels = np.zeros(75)
    labels[:3] = 1
    good, bad = np.linspace(0.9, 0.1, 75), np.linspace(0.1, 0.9, 75)
    bad[:3] = 0.5
    good[:3], good[3:6] = 0.45, 0.46
    evidence = {arm: Evidence.of(labels, one[None], np.array([0.95])) for arm, one in {"a": good, "b": bad}.items()}
    row = pair(paired_differences(evidence, 0.01), "a", "b")
    assert row["verdict"] == "cannot tell"
    assert row["comments_needed"] is None
    assert "fewer than" in row["why"]


def test_a_metric_that_does_not_exist_has_the_reason():
    evidence = evidence_of(100, {"odd": 2, "even": 1}, share=0.0)
    row = pair(paired_differences(evidence, 0.01), "odd", "even")
    assert (row["verdict"], row["why"], row["difference"]) == ("cannot tell", "no comment is positive", None)
    assert row["p_holm"] is None
