"""Reads an expected calibration error: its value for a perfectly calibrated model, and an interval that allows for it.

Chance alone opens gaps between probabilities and labels, so the plain error is above 0 even for a perfectly calibrated
model and grows as comments become fewer (Roelofs et al. 2022, arXiv:2012.08668; Kumar et al. 2019, arXiv:1909.10155).
Within a bin all comments are given the bin's mean probability, whose binomial variance differs from the exact one by at
most the variance of probabilities inside a bin of width 1/15.
"""

from collections.abc import Callable

import numpy as np
from scipy import stats

from retort.evaluation.intervals import Interval
from retort.evaluation.metrics import Array, calibration_bins, expected_calibration_error

_ALPHA = 0.05
_BISECTIONS = 30


def expected_if_calibrated(probabilities: Array) -> float:
    """The mean ECE, in [0, 1], of labels drawn from these probabilities (n,), n >= 1.

    In each bin the mean absolute deviation of a binomial, in de Moivre's closed form (Diaconis and Zabell 1991,
    doi:10.1214/ss/1177011699).
    """
    number, mean = _bins(probabilities)
    above = np.floor(number * mean) + 1
    deviation = 2 * above * (1 - mean) * stats.binom.pmf(above, number, mean)
    return float(deviation.sum() / len(probabilities))


def error_interval(labels: Array, probabilities: Array, samples: int, rng: np.random.Generator) -> Interval:
    """95 % limits of the error on infinitely many comments; low is 0 where perfect calibration is not rejected.

    labels, probabilities: (n,). A limit is the error at which the observed ECE would be exceeded (or not reached) in
    2.5 % of `samples` simulated test sets: the observed gaps, less what chance explains, scaled to that error, plus
    binomial noise. At a limit of 0 this is the exact test of perfect calibration, up to simulation.
    """
    rows, observed = len(labels), expected_calibration_error(labels, probabilities)
    number, mean = _bins(probabilities)
    gaps = np.bincount(calibration_bins(probabilities), labels - probabilities, minlength=len(number))[number > 0]
    number, mean = number[number > 0], mean[number > 0]
    chance = np.sqrt(number * mean * (1 - mean))
    shape = np.sign(gaps) * np.maximum(np.abs(gaps) - chance, 0)
    shape = shape if shape.any() else np.where(gaps == 0, 1e-9, gaps)
    shape /= np.abs(shape).sum()
    rate = np.clip((number * mean + gaps + mean) / (number + 1), 0, 1)

    def simulated(rates: Array) -> Callable[[float], Array]:
        noise = (rng.binomial(number.astype(np.int64), rates, (samples, len(number))) - number * rates) / rows
        return lambda error: np.abs(error * shape + noise).sum(1)

    calibrated, as_observed = simulated(mean), simulated(rate)
    slack = 1e-12
    low = _boundary(lambda error: bool((calibrated(error) >= observed - slack).mean() >= _ALPHA / 2), observed)
    high = 1 - _boundary(lambda below: bool((as_observed(1 - below) <= observed + slack).mean() >= _ALPHA / 2), 1.0)
    return low, max(high, observed)


def _boundary(holds: Callable[[float], bool], end: float) -> float:
    """The least value in [0, end] from which on the condition holds."""
    if holds(0.0):
        return 0.0
    below, above = 0.0, end
    for _ in range(_BISECTIONS):
        middle = (below + above) / 2
        below, above = (below, middle) if holds(middle) else (middle, above)
    return above


def _bins(probabilities: Array) -> tuple[Array, Array]:
    """(comments, mean probability) of each bin; 0 for an empty one."""
    bins = calibration_bins(probabilities)
    number = np.bincount(bins).astype(np.float64)
    mean = np.bincount(bins, probabilities) / np.maximum(number, 1)
    return number, np.clip(mean, 0, 1)
