"""Thresholds meet their target on validation as well as any threshold can, and name what is nearest otherwise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_recall_curve, roc_curve

from retort.evaluation.thresholds import ThresholdChoice, choose_threshold
from retort.threshold_target import ThresholdTarget


def chosen(labels: np.ndarray, probabilities: np.ndarray, target: str) -> ThresholdChoice:
    return choose_threshold(labels, probabilities, ThresholdTarget.parse(target), 0.5)


def drawn(rows: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    labels = (generator.random(rows) < 0.2).astype(np.float64)
    return labels, np.round(1 / (1 + np.exp(-generator.normal(-2 + 2 * labels, 1.2))), 3)


def counts(labels: np.ndarray, probabilities: np.ndarray, threshold: float) -> tuple[int, int, int]:
    """(true positives, false positives, false negatives)."""
    flagged = probabilities >= threshold
    return int((flagged & (labels == 1)).sum()), int((flagged & (labels == 0)).sum()), int(labels[~flagged].sum())


def every_cut(probabilities: np.ndarray) -> np.ndarray:
    return np.unique(probabilities)


def test_the_best_f1_is_scikit_learns() -> None:
    labels, probabilities = drawn()
    precision, recall, _ = precision_recall_curve(labels, probabilities)
    best = np.max(2 * precision * recall / np.maximum(precision + recall, 1e-12))
    found = chosen(labels, probabilities, "f1")
    assert f1_score(labels, probabilities >= found.value) == pytest.approx(best, abs=1e-12)
    assert (found.rows, found.positives, found.why) == (400, labels.sum(), None)


@pytest.mark.parametrize("floor", [0.5, 0.7, 0.9])
def test_a_precision_floor_is_kept_with_the_highest_recall(floor: float) -> None:
    labels, probabilities = drawn()
    found = chosen(labels, probabilities, f"precision={floor}")
    tp, fp, _ = counts(labels, probabilities, found.value)
    assert tp / (tp + fp) >= floor
    precision, recall, _ = precision_recall_curve(labels, probabilities)
    assert tp / labels.sum() == pytest.approx(recall[precision >= floor].max())


@pytest.mark.parametrize("floor", [0.3, 0.8, 0.99])
def test_a_recall_floor_is_kept_with_the_highest_precision(floor: float) -> None:
    labels, probabilities = drawn()
    found = chosen(labels, probabilities, f"recall={floor}")
    tp, fp, _ = counts(labels, probabilities, found.value)
    assert tp / labels.sum() >= floor
    precision, recall, _ = precision_recall_curve(labels, probabilities)
    assert tp / (tp + fp) == pytest.approx(precision[recall >= floor].max())


@pytest.mark.parametrize("share", [0.01, 0.05])
def test_false_alarms_are_limited_with_the_highest_recall(share: float) -> None:
    labels, probabilities = drawn()
    found = chosen(labels, probabilities, f"false-alarms={share}")
    tp, fp, _ = counts(labels, probabilities, found.value)
    false_alarms, recall, _ = roc_curve(labels, probabilities)
    assert fp / (labels == 0).sum() <= share
    assert tp / labels.sum() == pytest.approx(recall[false_alarms <= share].max())


def test_a_budget_is_kept() -> None:
    labels, probabilities = drawn()
    found = chosen(labels, probabilities, "budget=50")
    tp, fp, _ = counts(labels, probabilities, found.value)
    assert 0 < tp + fp <= 20
    affordable = [t for t in every_cut(probabilities) if (probabilities >= t).sum() <= 20]
    assert tp == max(counts(labels, probabilities, t)[0] for t in affordable)


@pytest.mark.parametrize("cost", [0.5, 1, 10])
def test_no_threshold_is_cheaper_than_the_one_for_a_cost(cost: float) -> None:
    labels, probabilities = drawn()

    def costs(threshold: float) -> float:
        _, fp, fn = counts(labels, probabilities, threshold)
        return cost * fn + fp

    found = chosen(labels, probabilities, f"cost={cost}")
    assert costs(found.value) == min(costs(t) for t in [*every_cut(probabilities), 1.0])


def test_where_every_alarm_costs_more_than_it_saves_nothing_is_flagged() -> None:
    labels = np.repeat([1.0, 0.0], [10, 990])
    probabilities = np.full(1000, 0.3)
    assert not counts(labels, probabilities, chosen(labels, probabilities, "cost=2").value)[0]
    assert counts(labels, probabilities, chosen(labels, probabilities, "cost=200").value)[0] == 10


def test_a_given_number_is_taken_as_it_is() -> None:
    found = chosen(np.zeros(3), np.zeros(3), "0.35")
    assert found.as_json() == {"target": "0.35", "value": 0.35, "rows": 3, "positives": 0, "why": None}


@pytest.mark.parametrize(
    ("target", "why"),
    [
        ("precision=0.9", "precision=0.9 cannot be met on validation; the highest is 0.75 at 0.65"),
        ("false-alarms=0.01", "false-alarms=0.01 cannot be met on validation; the lowest is 0.167 at 0.65"),
        ("budget=20", "budget=20 cannot be met on validation; the lowest is 333 at 0.65"),
    ],
)
def test_a_target_that_cannot_be_met_names_the_nearest_that_can(target: str, why: str) -> None:
    labels = np.concatenate([np.repeat([1.0, 0.0], [15, 5]), np.repeat([1.0, 0.0], [15, 25])])
    probabilities = np.repeat([0.9, 0.4], [20, 40])
    found = chosen(labels, probabilities, target)
    assert (found.value, found.why) == (0.65, why)


@pytest.mark.parametrize(("positives", "side"), [(9, "9 positive"), (51, "9 negative")])
def test_on_fewer_than_ten_positives_or_negatives_nothing_is_tuned(positives: int, side: str) -> None:
    labels, probabilities = (np.arange(60) < positives).astype(np.float64), np.linspace(0.9, 0.1, 60)
    found = chosen(labels, probabilities, "f1")
    assert found.value == 0.5
    assert found.why == f"not tuned, 0.5 is used: validation has {side} comments of 60, fewer than 10"
    more = (np.arange(60) < 10).astype(np.float64)
    assert chosen(more, probabilities, "f1").why is None


def test_a_threshold_has_as_few_decimals_as_its_place_allows() -> None:
    labels = np.repeat([1.0, 0.0], 20)
    assert chosen(labels, np.repeat([0.61234, 0.5], 20), "f1").value == 0.56
    assert chosen(labels, np.repeat([0.612342, 0.612338], 20), "f1").value == 0.61234


near = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=40, max_size=60)


@settings(deadline=None)
@given(near)
def test_whatever_the_scores_a_threshold_makes_the_verdicts_it_was_chosen_for(rows: list[tuple[float, bool]]) -> None:
    labels = np.array([1.0] * 10 + [0.0] * 10 + [float(label) for _, label in rows])
    probabilities = np.array([0.5] * 20 + [p for p, _ in rows])
    found = chosen(labels, probabilities, "f1")

    def f1(threshold: float) -> float:
        tp, fp, fn = counts(labels, probabilities, threshold)
        return 2 * tp / (2 * tp + fp + fn)

    assert f1(found.value) == pytest.approx(max(map(f1, every_cut(probabilities))), abs=1e-12)
    assert 0 <= found.value <= 1
