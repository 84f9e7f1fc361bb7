"""Shares of failed cases and their paired differences, where cases of one template are alike.

Cases from one template fail together: ten of them say less than ten written ones. So the intervals use the number of
independent cases that would have the variance seen between templates (Korn and Graubard 1998), and the test flips the
signs of whole templates; with every case by itself they are Wilson's interval and the exact test of McNemar (1947,
doi:10.1007/BF02295996).
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import stats

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
        effective = _effective(failed - share, share, clusters)
        quantile = float(stats.t.ppf(_CONFIDENCE, max(1, number - 1)))
    return Share(cases, count, number, wilson(share * effective, effective, quantile))


def _effective(residuals: npt.NDArray[np.float64], share: float, clusters: Integers) -> float:
    """The number of independent cases with the variance seen, from 1 to n; that of templates where all are alike."""
    cases, number = len(residuals), len(np.unique(clusters))
    if not 0 < share < 1 or number < 2:
        return float(number)
    sums = cluster_sums(residuals, clusters)
    variance = number / (number - 1) * float((sums**2).sum()) / cases**2
    return float(np.clip(share * (1 - share) / variance, 1, cases)) if variance > 0 else float(cases)


def difference_of(a: Booleans, b: Booleans, clusters: Integers) -> Difference:
    """Which of two models fails more often on the same n > 0 cases; a, b: (n,) failed.

    The interval is that of Newcombe (1998, doi:10.1002/(SICI)1097-0258(19981130)17:22<2635::AID-SIM954>3.0.CO;2-C,
    method 10 without continuity correction) from the two shares' intervals and their correlation.
    """
    of_a, of_b = share_of(a, clusters), share_of(b, clusters)
    interval = _paired_interval(of_a, of_b, _correlation(a, b))
    p_value = sign_flip_p(cluster_sums(a.astype(np.int64) - b, clusters))
    return Difference(len(a), int((a & ~b).sum()), int((b & ~a).sum()), interval, p_value)


def _paired_interval(a: Share, b: Share, correlation: float) -> Interval:
    below_a, above_a = a.share - a.interval[0], a.interval[1] - a.share
    below_b, above_b = b.share - b.interval[0], b.interval[1] - b.share
    low = below_a**2 - 2 * correlation * below_a * above_b + above_b**2
    high = above_a**2 - 2 * correlation * above_a * below_b + below_b**2
    difference = a.share - b.share
    return max(-1.0, difference - math.sqrt(max(0.0, low))), min(1.0, difference + math.sqrt(max(0.0, high)))


def _correlation(a: Booleans, b: Booleans) -> float:
    """The phi coefficient; 0 where one of the two always or never fails."""
    if a.all() or b.all() or not a.any() or not b.any():
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def cluster_sums(values: npt.NDArray[np.number[npt.NBitBase]], clusters: Integers) -> npt.NDArray[np.float64]:
    """The sum of `values` (n,) over the cases of each cluster."""
    _, codes = np.unique(clusters, return_inverse=True)
    return np.bincount(codes, values)


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
