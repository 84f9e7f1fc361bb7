"""The reliability plot's bins: scikit-learn's, and the terms of the calibration error."""

import numpy as np
import pytest
from sklearn.calibration import calibration_curve

from retort.evaluation.metrics import ECE_BINS, expected_calibration_error
from retort.evaluation.reliability import reliability

GENERATOR = np.random.default_rng(0)
PROBABILITIES = GENERATOR.beta(0.5, 2, 500)
LABELS = (GENERATOR.random(500) < PROBABILITIES**2).astype(np.float64)


def test_the_bins_are_scikit_learns() -> None:
    shares, means = calibration_curve(LABELS, PROBABILITIES, n_bins=ECE_BINS)
    found = reliability(LABELS, PROBABILITIES)
    np.testing.assert_allclose(found.shares, shares, atol=1e-12)
    np.testing.assert_allclose(found.probabilities, means, atol=1e-12)


def test_their_gaps_add_up_to_the_calibration_error() -> None:
    found = reliability(np.append(LABELS, np.nan), np.append(PROBABILITIES, 0.5))
    assert found.rows.sum() == 500
    gaps = (found.rows * np.abs(found.probabilities - found.shares)).sum() / 500
    assert gaps == pytest.approx(expected_calibration_error(LABELS, PROBABILITIES), abs=1e-12)


def test_the_number_of_bins_and_the_fewest_comments_of_one_can_be_chosen() -> None:
    shares, means = calibration_curve(LABELS, PROBABILITIES, n_bins=10)
    every, kept = reliability(LABELS, PROBABILITIES, 10), reliability(LABELS, PROBABILITIES, 10, 30)
    np.testing.assert_allclose(every.shares, shares, atol=1e-12)
    np.testing.assert_allclose(every.probabilities, means, atol=1e-12)
    assert 0 < len(kept.rows) < len(every.rows)
    assert kept.rows.tolist() == every.rows[every.rows >= 30].tolist()


def test_empty_bins_are_left_out() -> None:
    found = reliability(np.array([0.0, 1.0, 1.0]), np.array([0.1, 0.9, 0.91]))
    assert found.rows.tolist() == [1, 2]
    assert found.probabilities == pytest.approx([0.1, 0.905])
    assert found.shares.tolist() == [0, 1]
