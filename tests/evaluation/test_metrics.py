import numpy as np
import pytest
from sklearn import metrics as sk

from retort.evaluation.metrics import METRICS, expected_calibration_error, measure, why_missing


def drawn(rows: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < 0.2).astype(float)
    return labels, np.clip(rng.normal(0.3 + 0.3 * labels, 0.2), 0, 1)


def test_figures_are_those_of_scikit_learn():
    labels, probabilities = drawn()
    figures = measure(labels, probabilities, 0.5)
    verdicts = probabilities >= 0.5
    assert tuple(figures) == METRICS
    assert figures["accuracy"] == sk.accuracy_score(labels, verdicts)
    assert figures["precision"] == sk.precision_score(labels, verdicts)
    assert figures["recall"] == sk.recall_score(labels, verdicts)
    assert figures["f1"] == sk.f1_score(labels, verdicts)
    assert figures["mcc"] == sk.matthews_corrcoef(labels, verdicts)
    assert figures["roc_auc"] == sk.roc_auc_score(labels, probabilities)
    assert figures["average_precision"] == sk.average_precision_score(labels, probabilities)
    assert figures["brier"] == pytest.approx(sk.brier_score_loss(labels, probabilities))


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
    assert missing == {"recall", "f1", "mcc", "roc_auc", "average_precision"}
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
