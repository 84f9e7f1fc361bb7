"""Shares of failed cases and their paired differences, where cases of one template are alike.

Cases from one template fail together: ten of them say less than ten written ones. So the intervals use the number of
independent cases that would have the variance seen between templates (Korn and Graubard 1998), and the test flips the
signs of whole templates; with every case by itself they are Wilson's interval and the exact test of McNemar (1947,
doi:10.1007/BF02295996).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import optimize, stats

from retort.evaluation.intervals import Interval, Z, wilson

Booleans = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.int64]

_CONFIDENCE = 0.975
# Above it the exact distribution takes long, and the normal one is as good.
_EXACT = 2000


@dataclass(frozen=True)
class Share:
    """`failed` of `cases`, above 0; `templates`: how many of the cases are independent of each other at most."""

    cases: int
    failed: int
    templates: int
    interval: Interval

    @property
    def share(self) -> float:
        """failed / cases."""
        return self.failed / self.cases


@dataclass(frozen=True)
class Difference:
    """The share of a less that of b on the same cases; only_a, only_b: cases that only one of them fails."""

    cases: int
    only_a: int
    only_b: int
    interval: Interval
    p_value: float

    @property
    def difference(self) -> float:
        """(only_a - only_b) / cases."""
        return (self.only_a - self.only_b) / self.cases


def share_of(failed: Booleans, clusters: Integers) -> Share:
    """failed: (n,), n > 0. clusters: (n,), equal for cases of one template. See the module for the interval."""
    cases, count = len(failed), int(failed.sum())
    share, number = count / cases, len(np.unique(clusters))
    effective, quantile = float(cases), Z
    if number < cases:
        effective = _effective(failed - share, share * (1 - share), clusters)
        quantile = float(stats.t.ppf(_CONFIDENCE, max(1, number - 1)))
    return Share(cases, count, number, wilson(share * effective, effective, quantile))


def _effective(residuals: npt.NDArray[Any], variance: float, clusters: Integers) -> float:
    """The number of independent cases, each of this variance, whose mean would vary as that of all cases does.

    From 1 to n; the number of templates where the cases do not vary at all.
    """
    cases, number = len(residuals), len(np.unique(clusters))
    if variance <= 0 or number < 2:
        return float(number)
    of_mean = number / (number - 1) * float((cluster_sums(residuals, clusters) ** 2).sum()) / cases**2
    return float(np.clip(variance / of_mean, 1, cases)) if of_mean > 0 else float(cases)


def difference_of(a: Booleans, b: Booleans, clusters: Integers) -> Difference:
    """Which of two models fails more often on the same n > 0 cases; a, b: (n,) failed.

    The interval is Tango's (1998, doi:10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B), from the
    cases that only one of them fails, and never of zero width.
    """
    cases, only_a, only_b = len(a), int((a & ~b).sum()), int((b & ~a).sum())
    differences = a.astype(np.int64) - b
    number, effective, quantile = len(np.unique(clusters)), float(cases), Z
    if number < cases:
        centered = differences - differences.mean()
        effective = _effective(centered, float((centered**2).mean()), clusters)
        quantile = float(stats.t.ppf(_CONFIDENCE, max(1, number - 1)))
    shrunk = effective / cases
    interval = tango(only_a * shrunk, only_b * shrunk, effective, quantile)
    return Difference(cases, only_a, only_b, interval, sign_flip_p(cluster_sums(differences, clusters)))


def tango(only_a: float, only_b: float, cases: float, quantile: float = Z) -> Interval:
    """The interval of (only_a - only_b) / cases by the score test. quantile: standard errors on either side."""

    def misfit(true: float, sign: float) -> float:
        # The maximum-likelihood share of cases that only b fails, were the difference `true`, gives the variance.
        linear = (2 * cases - only_a + only_b) * true - only_a - only_b
        root = math.sqrt(max(0.0, linear**2 + 8 * cases * only_b * true * (1 - true)))
        variance = cases * (2 * (root - linear) / (4 * cases) + true * (1 - true))
        return sign * (only_a - only_b - cases * true) - quantile * math.sqrt(max(0.0, variance))

    middle = (only_a - only_b) / cases
    # Where no case or every case differs, the difference itself is a further root.
    low = optimize.brentq(misfit, -1.0, middle - 1e-9, args=(1.0,)) if middle > -1 else -1.0
    high = optimize.brentq(misfit, middle + 1e-9, 1.0, args=(-1.0,)) if middle < 1 else 1.0
    return float(low), float(high)


def cluster_sums(values: npt.NDArray[Any], clusters: Integers) -> npt.NDArray[np.float64]:
    """The sum of `values` (n,) over the cases of each cluster."""
    _, codes = np.unique(clusters, return_inverse=True)
    return np.asarray(np.bincount(codes, values), np.float64)


def sign_flip_p(sums: npt.NDArray[np.float64]) -> float:
    """Two-sided p value of "neither model fails more", from each template's whole-numbered difference.

    Under it every template's difference is as likely with the other sign. Exact up to 2,000 templates that differ, by
    the normal distribution above. With differences of 1 and -1 it is McNemar's exact test.
    """
    sizes = np.abs(np.rint(sums[np.rint(sums) != 0])).astype(np.int64)
    total = abs(int(np.rint(sums.sum())))
    if not len(sizes):
        return 1.0
    if (sizes == 1).all():
        return float(stats.binomtest((len(sizes) + total) // 2, len(sizes)).pvalue)
    if len(sizes) > _EXACT:
        return float(2 * stats.norm.sf(total / math.sqrt(float((sizes**2).sum()))))
    # The distribution of the sum, at 0, 2, 4, ... above the least, one template after the other.
    chances = np.ones(1)
    for size in sizes:
        further = np.zeros(len(chances) + size)
        further[: len(chances)] += chances / 2
        further[size:] += chances / 2
        chances = further
    reached = 2 * np.arange(len(chances)) - int(sizes.sum())
    return float(min(1.0, chances[np.abs(reached) >= total].sum()))
