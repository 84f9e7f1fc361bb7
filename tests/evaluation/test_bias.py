"""Bias by group: against the published definition, by hand, by brute force, and by simulation."""

import itertools
import json

import numpy as np
import pytest

from retort.evaluation.bias import AUCS, FIGURES, final_metric, judge_bias, mentions, power_mean
from retort.evaluation.bias_groups import counts_of
from retort.evaluation.bias_summary import FinalParts
from retort.evaluation.figures import Evidence

SETTINGS = {"samples": 100, "seed": 0}


def world(rows, seed, *, share=0.3, sizes=(0.3, 0.2), models=("teacher", "odd"), seeds=1, harm=0.8, ties=False):
    """(labels (n,), {arm: (S, n)}, {group: (n,) bool}); every arm but the first scores the first group higher."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < share).astype(float)
    groups = {f"group {i}": rng.random(rows) < size for i, size in enumerate(sizes)}
    shared = 2 * labels - 1.5 + rng.normal(0, 1, rows)
    predictions = {}
    for place, arm in enumerate(models):
        logits = shared + 0.4 * rng.normal(0, 1, (seeds, rows)) + (harm * groups["group 0"] if place else 0)
        predictions[arm] = 1 / (1 + np.exp(-logits))
        if ties:
            predictions[arm] = np.round(predictions[arm], 1)
    return labels, predictions, groups


def judged(labels, predictions, groups, threshold=0.5, **options):
    thresholds = {arm: np.full(len(one), threshold) for arm, one in predictions.items()}
    return judge_bias(labels, predictions, thresholds, groups, **(SETTINGS | options))


# --- the published definition ---


def test_the_final_metric_of_a_worked_example_is_that_computed_by_hand():
    """Positives 0.9 (in A), 0.6 (in A), 0.8, 0.3; negatives 0.7 (in A), 0.2 (in A), 0.4, 0.1.

    Overall: of 16 pairs 0.9, 0.8 win 4 each, 0.6 wins 3 (not 0.7), 0.3 wins 2: 13/16. Subgroup A: 0.9 wins 2, 0.6 wins
    1: 3/4. BPSN, positives 0.8, 0.3 against 0.7, 0.2: 2 + 1: 3/4. BNSP, positives 0.9, 0.6 against 0.4, 0.1: 4/4.
    With B, the others: subgroup 0.8, 0.3 against 0.4, 0.1: 3/4; its BPSN is A's BNSP and the reverse.
    """
    labels = np.array([1, 1, 1, 1, 0, 0, 0, 0])
    scores = np.array([0.9, 0.6, 0.8, 0.3, 0.7, 0.2, 0.4, 0.1])
    in_a = np.array([1, 1, 0, 0, 1, 1, 0, 0], bool)
    only_a = 0.25 * (13 / 16 + 3 / 4 + 3 / 4 + 1)
    assert final_metric(labels, scores, in_a[:, None]) == pytest.approx(only_a, abs=1e-12)
    mixed = (((3 / 4) ** -5 + 1) / 2) ** (-1 / 5)
    both = 0.25 * (13 / 16 + 3 / 4 + mixed + mixed)
    assert final_metric(labels, scores, np.column_stack([in_a, ~in_a])) == pytest.approx(both, abs=1e-12)


def slow_auc(positives, negatives):
    wins = sum((p > n) + 0.5 * (p == n) for p in positives for n in negatives)
    return wins / (len(positives) * len(negatives))


def slow_final(labels, scores, groups):
    """The definition as published, one comment pair after another."""
    rows = list(zip(labels.tolist(), scores.tolist(), groups.tolist(), strict=True))

    def of(positive, keep):
        return [score for label, score, member in rows if (label == 1) == positive and keep(member)]

    def everywhere(member):
        return True

    total = 0.25 * slow_auc(of(True, everywhere), of(False, everywhere))
    for positives_inside, negatives_inside in ((True, True), (False, True), (True, False)):
        powers = []
        for g in range(groups.shape[1]):
            positives = of(True, lambda member, g=g, side=positives_inside: member[g] == side)
            negatives = of(False, lambda member, g=g, side=negatives_inside: member[g] == side)
            powers.append(slow_auc(positives, negatives) ** -5.0)
        total += 0.25 * (sum(powers) / len(powers)) ** (-1 / 5.0)
    return total


@pytest.mark.parametrize("ties", [False, True])
def test_the_final_metric_equals_an_independent_implementation_to_1e_9(ties):
    for seed in range(4):
        labels, predictions, groups = world(240, seed, sizes=(0.4, 0.3, 0.25), ties=ties)
        expected = slow_final(labels, predictions["odd"][0], np.column_stack(list(groups.values())))
        found = final_metric(labels, predictions["odd"][0], np.column_stack(list(groups.values())))
        assert found == pytest.approx(expected, abs=1e-9)
        result = judged(labels, predictions, groups)
        assert result["in_final"] == list(groups)
        assert result["arms"]["odd"]["final"]["value"] == pytest.approx(expected, abs=1e-9)


def test_a_power_mean_is_near_the_lowest_and_0_where_one_is_0():
    assert power_mean(np.array([0.7, 0.7])) == pytest.approx(0.7)
    assert 0.5 < power_mean(np.array([0.5, 1.0])) < 0.6
    assert power_mean(np.array([0.0, 1.0])) == 0


def test_a_comment_mentions_an_identity_from_half_of_its_raters_on_and_not_when_nobody_was_asked():
    assert mentions(np.array([0.49, 0.5, 1.0, np.nan])).tolist() == [False, True, True, False]


# --- figures by group ---


def test_figures_of_a_group_are_those_of_its_comments_and_of_the_background():
    labels, predictions, groups = world(400, 1)
    member, scores = groups["group 0"], predictions["odd"][0]
    found = judged(labels, predictions, groups, threshold=0.4)["arms"]["odd"]["groups"]["group 0"]
    expected = {
        "subgroup_auc": slow_auc(scores[member & (labels == 1)], scores[member & (labels == 0)]),
        "bpsn_auc": slow_auc(scores[~member & (labels == 1)], scores[member & (labels == 0)]),
        "bnsp_auc": slow_auc(scores[member & (labels == 1)], scores[~member & (labels == 0)]),
        "false_positive_rate": (scores[member & (labels == 0)] >= 0.4).mean(),
        "false_negative_rate": (scores[member & (labels == 1)] < 0.4).mean(),
    }
    for kind, value in expected.items():
        assert found[kind]["value"] == pytest.approx(value, abs=1e-12), kind
        assert found[kind]["low"] < value < found[kind]["high"], kind
    assert 0 < found["ece"]["perfect"] < 0.2


def test_a_harmless_mention_scored_high_lowers_bpsn_and_raises_false_positives_against_the_teacher():
    labels, predictions, groups = world(3000, 2)
    result = judged(labels, predictions, groups, reference="teacher")
    (pair,) = result["pairs"]
    assert (pair["a"], pair["b"]) == ("odd", "teacher")
    harmed, other = pair["groups"]["group 0"], pair["groups"]["group 1"]
    assert harmed["bpsn_auc"]["high"] < 0
    assert harmed["false_positive_rate"]["low"] > 0
    assert harmed["false_negative_rate"]["high"] < 0
    assert harmed["bpsn_auc"]["p_holm"] < 0.05
    assert other["bpsn_auc"]["p_holm"] > harmed["bpsn_auc"]["p_holm"]
    assert pair["final"]["high"] < 0


def test_the_worst_group_is_the_identity_and_label_with_the_lowest_accuracy():
    labels, predictions, groups = world(500, 3, sizes=(0.3, 0.2, 0.1))
    right = (predictions["odd"][0] >= 0.5) == (labels == 1)
    cells = {
        (name, label): right[member & (labels == label)].mean()
        for (name, member), label in itertools.product(groups.items(), (0, 1))
    }
    found = judged(labels, predictions, groups)["arms"]["odd"]["worst_group_accuracy"]
    name, label = min(cells, key=cells.get)
    assert found["value"] == pytest.approx(cells[name, label], abs=1e-12)
    assert (found["group"], found["label"]) == (name, "positive" if label else "negative")
    assert found["low"] < found["value"] < found["high"]


# --- what has no answer ---


def test_a_group_too_small_for_an_answer_gets_none_and_is_left_out_of_the_power_mean():
    labels, predictions, groups = world(600, 4)
    few = np.zeros(600, bool)
    few[np.flatnonzero(labels == 1)[:9]] = few[np.flatnonzero(labels == 0)[:50]] = True
    result = judged(labels, predictions, groups | {"few": few}, reference="teacher")
    why = "9 positive comments in the group, fewer than 10"
    assert result["left_out"] == {"few": why}
    assert result["groups"]["few"] == {"rows": 59, "positives": 9, "negatives": 50}
    found, pair = result["arms"]["odd"]["groups"]["few"], result["pairs"][0]["groups"]["few"]
    for kind in ("subgroup_auc", "bnsp_auc", "false_negative_rate", "ece"):
        assert (found[kind]["value"], found[kind]["low"], found[kind]["why"]) == (None, None, why)
        assert (pair[kind]["difference"], pair[kind]["p_holm"], pair[kind]["why"]) == (None, None, why)
    assert found["false_positive_rate"]["value"] is not None
    without = judged(labels, predictions, groups)
    for one in (result, without):
        one["arms"]["odd"].pop("groups")
    assert result["arms"]["odd"]["final"] == without["arms"]["odd"]["final"]


@pytest.mark.parametrize(
    ("label", "unanswered"),
    [
        (0, ("subgroup_auc", "bnsp_auc", "false_negative_rate", "ece")),
        (1, ("subgroup_auc", "bpsn_auc", "false_positive_rate", "ece")),
    ],
)
def test_groups_of_one_class_never_get_0_or_1(label, unanswered):
    labels, predictions, groups = world(300, 5)
    result = judged(labels, predictions, {"one": groups["group 0"] & (labels == label)}, reference="teacher")
    for arm in result["arms"].values():
        assert {name for name, row in arm["groups"]["one"].items() if row["value"] is None} == set(unanswered)
        assert arm["final"]["value"] is None
        assert arm["final"]["why"]
    assert result["pairs"][0]["final"]["difference"] is None
    json.dumps(result, allow_nan=False)


def test_no_comments_and_no_groups_give_no_numbers_but_reasons():
    labels, predictions, groups = world(50, 6)
    nothing = judged(np.zeros(50), predictions, groups, reference="teacher")
    assert nothing["arms"]["odd"]["overall_auc"]["value"] is None
    assert nothing["pairs"][0]["overall_auc"]["why"] == "no comment is positive"
    without = judged(labels, predictions, {}, reference="teacher")
    assert without["arms"]["odd"]["worst_group_accuracy"]["value"] is None
    json.dumps([nothing, without], allow_nan=False)


def test_unrated_comments_are_left_out():
    labels, predictions, groups = world(400, 7)
    unrated = labels.copy()
    unrated[::5] = np.nan
    kept = ~np.isnan(unrated)
    expected = judged(
        labels[kept],
        {arm: one[:, kept] for arm, one in predictions.items()},
        {name: one[kept] for name, one in groups.items()},
    )
    assert judged(unrated, predictions, groups) == expected


def test_a_constant_model_and_a_perfect_one_have_figures_and_differences():
    labels, predictions, groups = world(300, 8)
    predictions |= {"majority": np.full((1, 300), 0.1), "perfect": np.where(labels == 1, 0.9, 0.1)[None]}
    result = judged(labels, predictions, groups, reference="teacher")
    assert result["arms"]["majority"]["final"]["value"] == pytest.approx(0.5)
    assert result["arms"]["perfect"]["final"]["value"] == 1
    assert result["arms"]["perfect"]["groups"]["group 0"]["bpsn_auc"]["low"] < 1
    assert all(pair["final"]["low"] < pair["final"]["high"] for pair in result["pairs"])
    json.dumps(result, allow_nan=False)


def test_models_that_agree_everywhere_still_have_intervals_of_some_width():
    labels, predictions, groups = world(300, 9)
    predictions["odd"] = predictions["teacher"].copy()
    (pair,) = judged(labels, predictions, groups, reference="teacher")["pairs"]
    rows = [pair["final"], pair["worst_group_accuracy"], *pair["groups"]["group 0"].values()]
    assert all(row["low"] < row["difference"] == 0 < row["high"] for row in rows)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"predictions": {"odd": np.zeros((1, 9))}}, "arm odd"),
        ({"groups": {"g": np.zeros(9, bool)}}, "group g"),
        ({"thresholds": {"odd": np.zeros(2)}}, "thresholds"),
        ({"reference": "none"}, "no such arm"),
    ],
)
def test_shapes_that_do_not_fit_are_named(change, message):
    fitting = {"labels": np.zeros(10), "predictions": {"odd": np.zeros((1, 10))}, "thresholds": {"odd": np.zeros(1)}}
    with pytest.raises(ValueError, match=message):
        judge_bias(**(fitting | {"groups": {}} | SETTINGS | change))


# --- intervals ---


def final_parts(labels, scores, groups):
    parts = FinalParts(Evidence.of(labels, scores, np.full(len(scores), 0.5)))
    for member in groups.values():
        for kind in AUCS:
            rows = FIGURES[kind].rows(member, labels == 1)
            parts.add(kind, Evidence.of(labels[rows], scores[:, rows], np.full(len(scores), 0.5)), rows)
    return parts


def test_pseudo_values_of_the_final_metric_are_those_of_leaving_out_each_comment():
    labels, predictions, groups = world(300, 10, sizes=(0.4, 0.3))
    stacked = np.column_stack(list(groups.values()))
    found = final_parts(labels, predictions["odd"], groups)
    whole, scores = final_metric(labels, predictions["odd"][0], stacked), predictions["odd"][0]
    assert found.values()[0] == pytest.approx(whole, abs=1e-12)
    left_out = [
        300 * whole - 299 * final_metric(np.delete(labels, i), np.delete(scores, i), np.delete(stacked, i, axis=0))
        for i in range(300)
    ]
    # The delta method leaves out the curvature of the power mean.
    np.testing.assert_allclose(found.influence()[0], left_out, atol=0.1)
    assert found.influence()[0].std() == pytest.approx(np.std(left_out), rel=0.01)


def test_a_paired_interval_is_narrower_than_that_of_either_figure():
    labels, predictions, groups = world(1500, 11, harm=0.1)
    result = judged(labels, predictions, groups, reference="teacher")
    for kind in ("subgroup_auc", "bpsn_auc", "bnsp_auc", "false_positive_rate"):
        figure = result["arms"]["odd"]["groups"]["group 0"][kind]
        pair = result["pairs"][0]["groups"]["group 0"][kind]
        assert pair["high"] - pair["low"] < figure["high"] - figure["low"], kind


def test_an_arm_of_one_seed_is_paired_with_every_seed_of_the_other():
    labels, predictions, groups = world(500, 12, seeds=3)
    predictions["odd"] = predictions["odd"][:1]
    result = judged(labels, predictions, groups, reference="teacher")
    row = result["pairs"][0]["groups"]["group 0"]["bpsn_auc"]
    of = {arm: result["arms"][arm]["groups"]["group 0"]["bpsn_auc"]["seeds"] for arm in predictions}
    assert row["seeds"] == pytest.approx([of["odd"][0] - one for one in of["teacher"]])


def test_intervals_hold_the_truth_about_as_often_as_they_say():
    """Truth: the mean over 300 worlds of the same kind; the metrics are near enough unbiased at this size."""
    found = []
    for seed in range(300):
        labels, predictions, groups = world(500, (13, seed), sizes=(0.3, 0.2), harm=0.5)
        result = judged(labels, predictions, groups, reference="teacher", samples=2)
        odd, pair = result["arms"]["odd"], result["pairs"][0]
        rows = {"final": odd["final"], "final difference": pair["final"]}
        for kind in AUCS:
            rows |= {kind: odd["groups"]["group 0"][kind], f"{kind} difference": pair["groups"]["group 0"][kind]}
        for kind in ("false_positive_rate", "false_negative_rate", "ece"):
            rows[f"{kind} difference"] = pair["groups"]["group 0"][kind]
        found.append(rows)
    for name in found[0]:
        rows = [one[name] for one in found]
        truth = np.mean([row.get("value", row.get("difference")) for row in rows])
        covered = np.mean([row["low"] <= truth <= row["high"] for row in rows])
        # Two-sided 1 in 1,000 of a binomial with 95 %; ece's influence overstates the variance.
        assert 0.905 <= covered <= 1, (name, covered)
        assert name.startswith("ece") or covered <= 0.985, (name, covered)


def test_counts_of_a_group_are_those_of_its_comments():
    member, positive = np.array([1, 1, 1, 0], bool), np.array([1, 0, 0, 1], bool)
    assert counts_of(member, positive) == {"rows": 3, "positives": 1, "negatives": 2}
