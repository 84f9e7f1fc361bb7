import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sk

from retort.evaluation.metrics import METRICS, expected_calibration_error, measure, why_missing


def drawn(rows: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < 0.2).astype(float)
    return labels, np.clip(rng.normal(0.3 + 0.3 * labels, 0.2), 0, 1)


def test_every_metric_is_measured_unless_some_are_named():
    assert tuple(measure(*drawn(), 0.5)) == METRICS
    assert tuple(measure(*drawn(), 0.5, ("f1", "mcc"))) == ("f1", "mcc")


@st.composite
def rated_comments(draw):
    """Labels with both classes, probabilities in steps of 0.05 (many ties) or of 2**-20, a threshold."""
    rows = draw(st.integers(2, 60))
    labels = draw(arrays(np.int64, rows, elements=st.integers(0, 1)))
    labels[:2] = 0, 1
    steps = draw(st.sampled_from([20, 2**20]))
    probabilities = draw(arrays(np.int64, rows, elements=st.integers(0, steps))) / steps
    return labels, probabilities, draw(st.integers(0, 20)) / 20


@settings(max_examples=20, deadline=None)
@given(rated_comments())
def test_figures_are_those_of_torchmetrics_and_scipy(comments):
    import torch
    from scipy import stats
    from torchmetrics.functional import classification as tm

    labels, probabilities, threshold = comments
    figures = measure(labels, probabilities, threshold)
    targets, scores = torch.from_numpy(labels), torch.from_numpy(probabilities)
    verdicts = (scores >= threshold).long()  # torchmetrics counts a score at the threshold as negative
    exact = {
        "accuracy": tm.binary_accuracy(verdicts, targets),
        "recall": tm.binary_recall(verdicts, targets),
        "f1": tm.binary_f1_score(verdicts, targets),
        "f1_at_half": tm.binary_f1_score((scores >= 0.5).long(), targets),
        "roc_auc": tm.binary_auroc(scores, targets),
        "average_precision": tm.binary_average_precision(scores, targets),
    }
    # torchmetrics computes in float32.
    for metric, value in exact.items():
        assert figures[metric] == pytest.approx(float(value), abs=2e-6), metric
    if 0 < verdicts.sum() < len(verdicts):  # else torchmetrics gives neither 0 nor NaN
        assert figures["mcc"] == pytest.approx(float(tm.binary_matthews_corrcoef(verdicts, targets)), abs=2e-6)
    if verdicts.any():
        assert figures["precision"] == pytest.approx(float(tm.binary_precision(verdicts, targets)), abs=2e-6)
    positive, negative = probabilities[labels == 1], probabilities[labels == 0]
    wins = stats.mannwhitneyu(positive, negative).statistic
    assert figures["roc_auc"] == pytest.approx(wins / (len(positive) * len(negative)), abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(rated_comments())
def test_figures_are_those_of_scikit_learn_to_nine_digits(comments):
    labels, probabilities, threshold = comments
    figures, verdicts = measure(labels, probabilities, threshold), probabilities >= threshold
    expected = {
        "accuracy": sk.accuracy_score(labels, verdicts),
        "recall": sk.recall_score(labels, verdicts),
        "f1": sk.f1_score(labels, verdicts, zero_division=0.0),
        "f1_at_half": sk.f1_score(labels, probabilities >= 0.5, zero_division=0.0),
        "mcc": sk.matthews_corrcoef(labels, verdicts),
        "roc_auc": sk.roc_auc_score(labels, probabilities),
        "average_precision": sk.average_precision_score(labels, probabilities),
        "brier": sk.brier_score_loss(labels, probabilities),
    }
    if verdicts.any():
        expected["precision"] = sk.precision_score(labels, verdicts)
    for metric, value in expected.items():
        assert figures[metric] == pytest.approx(value, abs=1e-9), metric


def test_the_calibration_error_is_that_of_torchmetrics():
    """Below 1, which torchmetrics gives a bin of its own."""
    import torch
    from torchmetrics.functional.classification import binary_calibration_error

    for seed in range(20):
        labels, probabilities = drawn(seed=seed)
        probabilities = np.minimum(probabilities, 0.999)
        found = expected_calibration_error(labels, probabilities)
        other = binary_calibration_error(torch.from_numpy(probabilities), torch.from_numpy(labels).long(), n_bins=15)
        assert found == pytest.approx(float(other), abs=1e-9), seed


def test_a_probability_at_the_threshold_is_a_positive_verdict():
    assert measure(np.array([1.0, 0.0]), np.array([0.5, 0.4]), 0.5)["recall"] == 1.0


def test_unrated_comments_are_left_out():
    labels, probabilities = drawn()
    with_gaps = np.concatenate([labels, np.full(50, np.nan)])
    assert measure(with_gaps, np.concatenate([probabilities, np.full(50, 0.9)]), 0.5) == measure(
        labels, probabilities, 0.5
    )


def test_nothing_predicted_positive_has_no_precision_and_an_f1_of_zero():
    labels = np.array([0.0, 0, 0, 1])
    figures = measure(labels, np.full(4, 0.1), 0.5)
    assert figures["precision"] is None
    assert figures["f1"] == 0.0
    assert figures["mcc"] == 0.0
    assert why_missing(labels, np.full(4, 0.1), 0.5) == {"precision": "no comment was given 0.5 or more"}


def test_without_a_positive_comment_recall_f1_and_rankings_do_not_exist():
    labels, probabilities = np.zeros(5), np.array([0.1, 0.2, 0.3, 0.6, 0.7])
    figures = measure(labels, probabilities, 0.5)
    missing = {name for name, value in figures.items() if value is None}
    assert missing == {"recall", "f1", "f1_at_half", "mcc", "roc_auc", "average_precision"}
    assert set(why_missing(labels, probabilities, 0.5)) == missing
    assert figures["accuracy"] == 0.6


def test_no_rated_comment_gives_no_figure():
    assert set(measure(np.full(3, np.nan), np.full(3, 0.5), 0.5).values()) == {None}


def test_calibration_error_is_the_weighted_gap_between_prediction_and_labels():
    # Nine comments at 0.9, six of them positive, and a negative one at 0.1.
    labels = np.array([1.0] * 6 + [0] * 4)
    probabilities = np.array([0.9] * 9 + [0.1])
    assert expected_calibration_error(labels, probabilities) == pytest.approx(0.9 * (0.9 - 6 / 9) + 0.1 * 0.1)


def test_a_probability_of_1_is_in_the_last_bin():
    assert expected_calibration_error(np.array([1.0, 0.0]), np.array([1.0, 0.0])) == 0.0


@pytest.mark.parametrize(
    ("labels", "probabilities", "message"),
    [
        ([0, 1], [0.5], "two of"),
        ([0, 0.5], [0.5, 0.5], "label threshold"),
        ([0, 1], [0.5, float("nan")], "not finite"),
    ],
)
def test_unfit_arrays_are_refused(labels, probabilities, message):
    with pytest.raises(ValueError, match=message):
        measure(np.array(labels, float), np.array(probabilities, float), 0.5)
