"""One arm's metrics for one label, as means over seeds with 95 % intervals that hold comments and seeds."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import stats

from retort.evaluation import intervals
from retort.evaluation.calibration_error import error_interval, expected_if_calibrated
from retort.evaluation.intervals import Interval
from retort.evaluation.jackknife import linear_values, pseudo_values
from retort.evaluation.metrics import HALF, Array, measure, rated, why_missing
from retort.evaluation.uncertainty import Uncertainty, uncertainty

# Positives below which the influence of each says too little of a ranking's variance.
FEWEST = 5
# A variance of average precision is taken as at least that of this many binomial observations for each positive. Few
# positives that all happen to be ranked equally well would otherwise leave almost none.
_MOST_INFORMATION = 4
# Rounding leaves variances of the size of 1e-33 where there is none.
NO_VARIANCE = 1e-20
_COMMENTS_OF = {"accuracy": (0, 1, 2, 3), "precision": (1, 3), "recall": (2, 3)}


@dataclass(frozen=True)
class Evidence:
    """One arm's probabilities of one label on the rated comments.

    labels: (n,) 0 and 1. probabilities: (S, n), one row for each seed. thresholds: (S,).
    """

    labels: Array
    probabilities: Array
    thresholds: Array
    _values: dict[str, list[float | None]] = field(default_factory=dict)
    _influence: dict[str, Array] = field(default_factory=dict)
    _linear: dict[str, Array] = field(default_factory=dict)

    @classmethod
    def of(cls, labels: Array, probabilities: Array, thresholds: Array) -> "Evidence":
        """From labels with NaN where unrated. Raises ValueError as `metrics.rated` does."""
        kept = [rated(labels, one) for one in probabilities]
        return cls(kept[0][0], np.stack([scores for _, scores in kept]).astype(np.float64), thresholds)

    @property
    def seeds(self) -> int:
        return len(self.probabilities)

    @property
    def positives(self) -> int:
        return int(self.labels.sum())

    @property
    def rarer(self) -> int:
        """The number of positives or of negatives, whichever is smaller; at least 1."""
        return max(1, min(self.positives, len(self.labels) - self.positives))

    def values(self, metric: str) -> list[float | None]:
        """The metric of every seed; None where it does not exist."""
        if metric not in self._values:
            found = [measure(self.labels, *one, (metric,))[metric] for one in self._by_seed()]
            self._values[metric] = found
        return self._values[metric]

    def array(self, metric: str) -> Array:
        """(S,) `values`, NaN for None."""
        return np.array(self.values(metric), np.float64)

    def value(self, metric: str) -> float | None:
        """The mean over seeds; None where one of them has none."""
        values = [value for value in self.values(metric) if value is not None]
        return float(np.mean(values)) if len(values) == self.seeds else None

    def first(self, seeds: int) -> "Evidence":
        """Its first seeds, with what is already computed of them."""
        values = {metric: found[:seeds] for metric, found in self._values.items()}
        influence = {metric: found[:seeds] for metric, found in self._influence.items()}
        linear = {metric: found[:seeds] for metric, found in self._linear.items()}
        return Evidence(self.labels, self.probabilities[:seeds], self.thresholds[:seeds], values, influence, linear)

    def why_missing(self, metric: str) -> str:
        """Why `value` is None: the reason of the first seed without one."""
        reasons = (why_missing(self.labels, *one) for one in self._by_seed())
        return next(found[metric] for found in reasons if metric in found)

    def influence(self, metric: str) -> Array:
        """(S, n) pseudo-values, for the metric's own interval."""
        if metric not in self._influence:
            found = [pseudo_values(metric, self.labels, *one) for one in self._by_seed()]
            self._influence[metric] = np.stack(found)
        return self._influence[metric]

    def linear_influence(self, metric: str) -> Array:
        """(S, n) pseudo-values of first order, kept for the differences in which this arm takes part."""
        if metric not in self._linear:
            found = [linear_values(metric, self.labels, *one) for one in self._by_seed()]
            self._linear[metric] = np.stack(found)
        return self._linear[metric]

    def _by_seed(self) -> Iterable[tuple[Array, float]]:
        return zip(self.probabilities, self.thresholds, strict=True)

    def uncertainty(self, metric: str) -> Uncertainty | None:
        """Of the mean over seeds; None where the metric does not exist without one of the comments."""
        influence = self.influence(metric)
        if len(self.labels) < 2 or np.isnan(influence).any():
            return None
        return uncertainty(influence, self.array(metric))

    def cells(self, threshold: float | None = None) -> Array:
        """(S, 4) true negatives, false positives, false negatives, true positives."""
        limits = self.thresholds if threshold is None else np.full(self.seeds, threshold)
        verdicts = self.probabilities >= np.asarray(limits)[:, None]
        return np.stack([np.bincount(2 * self.labels + verdict, minlength=4) for verdict in verdicts])


def figure(found: Evidence, metric: str, samples: int, rng: np.random.Generator) -> dict[str, Any]:
    """{"value", "low", "high", "interval", "spread", "seeds"}, with "why" where one of them is None.

    samples, rng: of the simulation behind the interval of ece, whose figure also has "perfect".
    """
    value, values = found.value(metric), found.values(metric)
    if value is None:
        nothing = {"value": None, "low": None, "high": None, "spread": None, "seeds": values}
        return nothing | {"why": found.why_missing(metric)}
    spread = float(np.std(found.array(metric), ddof=1)) if found.seeds > 1 else None
    row: dict[str, Any] = {"value": value, "low": None, "high": None, "spread": spread, "seeds": values}
    if metric == "ece":
        low, high = _around_ece(found, value, spread, samples, rng)
        perfect = float(np.mean([expected_if_calibrated(one) for one in found.probabilities]))
        return row | {"low": low, "high": high, "interval": "simulation", "perfect": perfect}
    limits, method = limits_of(found, metric, value)
    if limits is None:
        return row | {"why": f"no interval: {method}"}
    return row | {"low": min(limits[0], value), "high": max(limits[1], value), "interval": method}


def limits_of(found: Evidence, metric: str, value: float) -> tuple[Interval | None, str]:
    """(limits, method) of a figure; without limits the reason in place of the method. Not for ece."""
    known = found.uncertainty(metric)
    ranks = metric in ("average_precision", "roc_auc")
    if known is None or known.variance < NO_VARIANCE or (ranks and found.rarer < FEWEST):
        return _from_counts(found, metric, value)
    if metric in ("roc_auc", "average_precision", "brier", "mcc"):
        bottom = -1.0 if metric == "mcc" else 0.0
        width = 1 - bottom
        variance = known.variance / width**2
        share = min(max((known.center - bottom) / width, 1e-3), 1 - 1e-3)
        if metric == "average_precision":
            share = min(share, 1 - 1 / (2 * found.positives + 2))
            variance = max(variance, share * (1 - share) / (_MOST_INFORMATION * found.positives))
        low, high = intervals.logit_interval(share, variance, known.quantile)
        return (bottom + width * low, bottom + width * high), "jackknife"
    return intervals.wilson_of_variance(value, known.variance, known.quantile), "jackknife"


def _from_counts(found: Evidence, metric: str, value: float) -> tuple[Interval | None, str]:
    """Where comments tell no variance: analytic intervals, of one seed's size."""
    cells = found.cells(HALF if metric == "f1_at_half" else None)
    if metric in _COMMENTS_OF:
        number = float(cells[:, _COMMENTS_OF[metric]].sum(1).min())
        return intervals.wilson(value * number, number), "wilson"
    if metric in ("f1", "f1_at_half"):
        hits, errors = float(cells[:, 3].mean()), float(cells[:, 1:3].sum(1).mean())
        return intervals.f1_interval(hits, errors), "wilson"
    if metric == "average_precision":
        return intervals.wilson(value * found.positives, found.positives), "wilson"
    if metric == "roc_auc" and (found.probabilities == found.probabilities[:, :1]).all():
        return (value, value), "one score for all comments"
    if metric == "roc_auc":
        return intervals.auc_interval(value, found.positives, len(found.labels) - found.positives), "newcombe"
    return None, "every comment has the same influence on it"


def _around_ece(
    found: Evidence, value: float, spread: float | None, samples: int, rng: np.random.Generator
) -> Interval:
    """The mean of the seeds' limits, as if comments moved all seeds alike, widened by the spread over seeds."""
    low, high = np.mean([error_interval(found.labels, one, samples, rng) for one in found.probabilities], axis=0)
    if spread is not None:
        half = stats.t.ppf(0.975, found.seeds - 1) * spread / math.sqrt(found.seeds)
        # A limit of 0 stays: the spread cannot refute calibration.
        low = 0.0 if low == 0 else max(0.0, value - math.hypot(value - low, half))
        high = min(1.0, value + math.hypot(high - value, half))
    return float(low), float(high)
