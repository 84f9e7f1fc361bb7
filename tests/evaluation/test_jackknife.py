import numpy as np
import pytest
from sklearn import metrics as sk

from retort.evaluation.jackknife import linear_values, pseudo_values
from retort.evaluation.metrics import METRICS, measure
from tests.evaluation.made import drawn

QUOTIENTS = ("accuracy", "precision", "recall", "f1", "f1_at_half")
LEFT_OUT = tuple(metric for metric in METRICS if metric not in (*QUOTIENTS, "ece"))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("metric", [*LEFT_OUT, "accuracy"])
def test_pseudo_values_are_those_of_computing_the_metric_without_each_comment(metric, ties):
    for seed in range(4):
        labels, scores = drawn(30, seed, ties=ties)
        whole = measure(labels, scores, 0.45, (metric,))[metric]
        found = pseudo_values(metric, labels, scores, 0.45)
        for i, value in enumerate(found):
            without = measure(np.delete(labels, i), np.delete(scores, i), 0.45, (metric,))[metric]
            assert value == pytest.approx(30 * whole - 29 * without, abs=1e-9)


def test_a_metric_that_hangs_on_one_comment_has_no_pseudo_value_there():
    labels, scores = np.array([1, 0, 0, 0]), np.array([0.9, 0.8, 0.2, 0.1])
    for metric in ("average_precision", "roc_auc", "mcc"):
        np.testing.assert_array_equal(np.isnan(pseudo_values(metric, labels, scores, 0.5)), [True, False, False, False])


@pytest.mark.parametrize("metric", QUOTIENTS)
def test_pseudo_values_of_quotients_are_derivatives_by_the_weight_of_each_comment(metric):
    labels, scores = drawn(40, 5)
    compute = {"accuracy": sk.accuracy_score, "precision": sk.precision_score, "recall": sk.recall_score}
    verdicts = scores >= (0.5 if metric == "f1_at_half" else 0.45)
    whole = compute.get(metric, sk.f1_score)(labels, verdicts)
    for i, value in enumerate(pseudo_values(metric, labels, scores, 0.45)):
        weights = np.ones(40)
        weights[i] += 1e-6
        derivative = (compute.get(metric, sk.f1_score)(labels, verdicts, sample_weight=weights) - whole) / 1e-6
        assert value == pytest.approx(whole + 40 * derivative, abs=1e-4)


@pytest.mark.parametrize("ties", [False, True])
def test_linear_values_of_average_precision_are_derivatives_by_the_weight_of_each_comment(ties):
    labels, scores = drawn(40, 5, ties=ties)
    center = pseudo_values("average_precision", labels, scores, 0.45).mean()
    whole = sk.average_precision_score(labels, scores)
    for i, value in enumerate(linear_values("average_precision", labels, scores, 0.45)):
        weights = np.ones(40)
        weights[i] += 1e-6
        derivative = (sk.average_precision_score(labels, scores, sample_weight=weights) - whole) / 1e-6
        assert value == pytest.approx(center + 40 * derivative, abs=1e-4)


def test_linear_values_have_the_mean_of_the_pseudo_values_and_tend_to_them():
    for rows, apart in ((60, 0.35), (6000, 0.01)):
        labels, scores = drawn(rows, 2)
        exact, linear = (find("average_precision", labels, scores, 0.5) for find in (pseudo_values, linear_values))
        assert linear.mean() == pytest.approx(exact.mean(), abs=1e-9)
        assert linear.std() == pytest.approx(exact.std(), rel=apart)


@pytest.mark.parametrize("metric", [*QUOTIENTS, "roc_auc", "brier", "mcc"])
def test_linear_values_of_other_metrics_are_the_pseudo_values(metric):
    labels, scores = drawn(40, 5)
    exact, linear = (find(metric, labels, scores, 0.45) for find in (pseudo_values, linear_values))
    np.testing.assert_array_equal(exact, linear)


def test_the_variance_of_roc_auc_is_that_of_delong():
    labels, scores = drawn(400, 1)
    positive, negative = scores[labels == 1], scores[labels == 0]
    wins = (positive[:, None] > negative) + (positive[:, None] == negative) / 2
    delong = wins.mean(1).var(ddof=1) / len(positive) + wins.mean(0).var(ddof=1) / len(negative)
    found = pseudo_values("roc_auc", labels, scores, 0.5).var(ddof=1) / 400
    assert found == pytest.approx(delong, rel=0.02)


def test_the_mean_of_pseudo_values_has_less_bias_than_average_precision():
    """Of random scores: average precision tends to the share of positives, and is higher on few comments."""
    rng = np.random.default_rng(0)
    plain, corrected = [], []
    for _ in range(500):
        labels, scores = (rng.random(40) < 0.2).astype(int), rng.random(40)
        if labels.sum() > 1:
            plain.append(measure(labels, scores, 0.5, ("average_precision",))["average_precision"])
            corrected.append(pseudo_values("average_precision", labels, scores, 0.5).mean())
    assert abs(np.mean(corrected) - 0.2) < 0.5 * abs(np.mean(plain) - 0.2)


def test_the_calibration_error_has_none():
    with pytest.raises(ValueError, match="ece"):
        pseudo_values("ece", *drawn(20, 0), 0.5)
