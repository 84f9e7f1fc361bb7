import numpy as np
import pytest

from retort.evaluation.calibration_error import error_interval, expected_if_calibrated
from retort.evaluation.metrics import expected_calibration_error


def probabilities_of(rows: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).beta(0.4, 2.0, rows)


@pytest.mark.parametrize("rows", [30, 300, 5000])
def test_the_error_of_a_calibrated_model_is_that_of_labels_drawn_from_its_probabilities(rows):
    rng, probabilities = np.random.default_rng(0), probabilities_of(rows, 1)
    drawn = [expected_calibration_error(rng.random(rows) < probabilities, probabilities) for _ in range(2000)]
    assert expected_if_calibrated(probabilities) == pytest.approx(np.mean(drawn), rel=0.03)


def test_certain_probabilities_leave_no_error():
    assert expected_if_calibrated(np.array([0.0, 1.0, 1.0])) == 0


@pytest.mark.parametrize("rows", [75, 1000])
def test_calibrated_models_have_intervals_that_begin_at_0(rows):
    """97.5 % of them: a lower limit above 0 is one tail of a 95 % interval."""
    begins = []
    for seed in range(300):
        rng, probabilities = np.random.default_rng((1, seed)), probabilities_of(rows, seed)
        labels = (rng.random(rows) < probabilities).astype(int)
        low, high = error_interval(labels, probabilities, 300, rng)
        assert low <= expected_calibration_error(labels, probabilities) <= high
        begins.append(low == 0)
    # Three binomial errors of 300 draws.
    assert abs(np.mean(begins) - 0.975) < 3 * (0.975 * 0.025 / 300) ** 0.5


def test_a_miscalibrated_model_has_an_interval_around_its_error():
    held, rows = [], 2000
    for seed in range(100):
        rng, truth = np.random.default_rng((2, seed)), probabilities_of(rows, seed)
        labels = (rng.random(rows) < truth).astype(int)
        low, high = error_interval(labels, 0.7 * truth, 300, rng)
        assert low > 0
        held.append(low <= 0.3 * truth.mean() <= high)
    assert np.mean(held) >= 0.85
