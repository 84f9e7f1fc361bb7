"""Every arm's figures with 95 % intervals, and the paired differences between arms.

Intervals are percentiles of a bootstrap over comments. Where a figure rests on fewer than ten comments, the bootstrap
is too narrow (zero width for 75 correct of 75), so an analytic interval replaces it: Wilson for accuracy, precision,
recall, F1 and average precision (for the last with the number of positives, as Boyd, Eng and Page 2013,
doi:10.1007/978-3-642-40994-3_29), Newcombe for ROC-AUC, Tango for paired accuracy. Each figure names its `interval`.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from retort.evaluation import intervals
from retort.evaluation.intervals import FEW, Interval
from retort.evaluation.metrics import METRICS, Array, measure, rated, why_missing
from retort.evaluation.resampling import resample

PAIRED_METRICS = ("average_precision", "accuracy", "f1")

SIGNIFICANCE = 0.05

# Fewer resamples than this that have a metric give no useful percentiles.
_ENOUGH_RESAMPLES = 50


def judge(
    labels: Array,
    predictions: Mapping[str, Array],
    attributes: Sequence[str],
    thresholds: Mapping[str, float] | float,
    *,
    samples: int,
    seed: int,
    tie_margin: float,
    primary: str | None = None,
) -> tuple[dict[str, dict[str, dict[str, dict[str, Any]]]], list[dict[str, Any]]]:
    """Figures of every arm and label, and the paired differences on the primary label.

    labels: (n, n_attributes) of 0 and 1, NaN where unrated. predictions: {arm: (n, n_attributes)
    probabilities}. thresholds: one for all, or one for each label. primary: the first label unless named.
    Returns ({arm: {attribute: {metric: {"value", "low", "high", "interval"}}}}, pairs); what cannot be
    computed is None and carries "why". The same seed gives the same numbers. Raises ValueError when the
    shapes do not fit.
    """
    labels = np.asarray(labels, np.float64)
    for arm, probabilities in predictions.items():
        if np.shape(probabilities) != labels.shape or labels.shape[1:] != (len(attributes),):
            raise ValueError(
                f"arm {arm}: probabilities {np.shape(probabilities)}, labels {labels.shape}, "
                f"{len(attributes)} attributes; give (n, n_attributes)"
            )
    tests: dict[str, dict[str, dict[str, dict[str, Any]]]] = {arm: {} for arm in predictions}
    pairs: list[dict[str, Any]] = []
    for column, attribute in enumerate(attributes):
        threshold = thresholds if isinstance(thresholds, int | float) else thresholds[attribute]
        arms = {arm: np.asarray(p)[:, column] for arm, p in predictions.items()}
        evidence = _evidence(labels[:, column], arms, threshold, samples, seed)
        for arm, found in evidence.items():
            tests[arm][attribute] = {metric: found.figure(metric) for metric in METRICS}
        if attribute == (primary or attributes[0]):
            pairs = [
                paired_difference(a, evidence[a], b, evidence[b], metric, tie_margin)
                for a, b in itertools.combinations(evidence, 2)
                for metric in PAIRED_METRICS
            ]
    return tests, pairs


@dataclass(frozen=True)
class Evidence:
    """One arm's results for one label, on the rated comments only."""

    labels: Array  # (n,) 0 and 1
    verdicts: Array  # (n,) bool
    distinct_scores: int
    values: dict[str, float | None]
    missing: dict[str, str]
    resampled: dict[str, Array]  # metric: (samples,), NaN where it does not exist for a resample

    @property
    def right(self) -> Array:
        """(n,) bool: whether the verdict equals the label."""
        return np.asarray((self.labels == 1) == self.verdicts)

    def counts(self) -> tuple[int, int, int, int]:
        """(true positives, false positives, false negatives, true negatives)."""
        positive = self.labels == 1
        cells = (positive & self.verdicts, ~positive & self.verdicts, positive & ~self.verdicts)
        tp, fp, fn = (int(cell.sum()) for cell in cells)
        return tp, fp, fn, len(self.labels) - tp - fp - fn

    def figure(self, metric: str) -> dict[str, Any]:
        """{"value", "low", "high", "interval"}, with "why" where any of them is None."""
        value = self.values[metric]
        if value is None:
            return {"value": None, "low": None, "high": None, "why": self.missing[metric]}
        analytic = self.analytic(metric)
        if analytic is not None:
            name = "newcombe" if metric == "roc_auc" else "wilson"
            return _figure(value, analytic, name)
        draws = self.resampled[metric]
        draws = draws[~np.isnan(draws)]
        if len(draws) < _ENOUGH_RESAMPLES:
            return _without_interval(value, "too few resamples have one")
        if metric == "ece":
            # Resampling adds noise to every bin, which pushes this sum of gaps upwards (Kumar et al. 2019,
            # arXiv:1909.10155): the resamples are shifted back to center on the value.
            draws = np.maximum(draws - draws.mean() + value, 0)
        low, high = np.percentile(draws, [2.5, 97.5])
        # With one score for all comments every resample has a ROC-AUC of exactly 0.5.
        if low == high and not (metric == "roc_auc" and self.distinct_scores == 1):
            return _without_interval(value, "every resample gave the same figure")
        return _figure(value, (low, high), "bootstrap")

    def around(self, metric: str, value: float) -> Interval:
        """Wilson's interval of F1 or average precision around `value`."""
        tp, fp, fn, _ = self.counts()
        if metric == "f1":
            return intervals.f1_interval(tp, fp + fn)
        return intervals.wilson(value * (tp + fn), tp + fn)

    def analytic(self, metric: str) -> Interval | None:
        """The analytic interval of a figure that rests on few comments; None where the bootstrap is used."""
        tp, fp, fn, tn = self.counts()
        positives, negatives, value = tp + fn, fp + tn, self.values[metric]
        few = min(positives, negatives) < FEW or value in (0, 1)
        if metric == "roc_auc" and value is not None and few and self.distinct_scores > 1:
            return intervals.auc_interval(value, positives, negatives)
        if metric == "average_precision" and value is not None and (positives < FEW or value == 1):
            return self.around(metric, value)
        if metric == "f1" and value is not None and min(tp, fp + fn) < FEW:
            return self.around(metric, value)
        proportions = {"accuracy": (tp + tn, fp + fn), "precision": (tp, fp), "recall": (tp, fn)}
        if metric in proportions and min(proportions[metric]) < FEW:
            return intervals.wilson(proportions[metric][0], sum(proportions[metric]))
        return None


def _evidence(
    labels: Array, predictions: Mapping[str, Array], threshold: float, samples: int, seed: int
) -> dict[str, Evidence]:
    kept = {arm: rated(labels, probabilities) for arm, probabilities in predictions.items()}
    rows = next(iter(kept.values()))[0] if kept else np.empty(0)
    scores = {arm: probabilities for arm, (_, probabilities) in kept.items()}
    empty = {arm: dict.fromkeys(METRICS, np.empty(0)) for arm in scores}
    resampled = resample(rows, scores, threshold, samples=samples, seed=seed) if len(rows) else empty
    return {
        arm: Evidence(
            labels=rows,
            verdicts=probabilities >= threshold,
            distinct_scores=len(np.unique(probabilities)),
            values=measure(rows, probabilities, threshold),
            missing=why_missing(rows, probabilities, threshold),
            resampled=resampled[arm],
        )
        for arm, probabilities in scores.items()
    }


def paired_difference(a: str, of_a: Evidence, b: str, of_b: Evidence, metric: str, tie_margin: float) -> dict[str, Any]:
    """One row of `pairs`: the difference a - b on the same comments, and its verdict.

    The verdict is "a" or "b" (the better one) when the interval excludes 0 and p < 0.05, "tie" when the
    whole interval is within ± tie_margin, else "cannot tell". Accuracy is tested by McNemar's exact
    test. p values are not corrected for the number of pairs.
    """
    row: dict[str, Any] = {"a": a, "b": b, "metric": metric}
    nothing = dict.fromkeys(("difference", "low", "high", "p_value", "comments_needed"))
    value_a, value_b = of_a.values[metric], of_b.values[metric]
    if value_a is None or value_b is None:
        why = of_a.missing.get(metric) or of_b.missing[metric]
        return row | nothing | {"verdict": "cannot tell", "why": why}
    difference = value_a - value_b
    only_a = int((of_a.right & ~of_b.right).sum())
    only_b = int((of_b.right & ~of_a.right).sum())
    (low, high), error, p_value, method = _difference(of_a, of_b, metric, difference, only_a, only_b)
    row |= {"difference": difference, "low": low, "high": high, "p_value": p_value, "interval": method}
    if difference == 0:
        row |= {"comments_needed": None, "why": "the two figures are equal"}
    else:
        row["comments_needed"] = intervals.comments_needed(len(of_a.labels), error, difference)
    return row | {"verdict": _verdict(low, high, p_value, tie_margin)}


def _difference(
    of_a: Evidence, of_b: Evidence, metric: str, difference: float, only_a: int, only_b: int
) -> tuple[Interval, float, float, str]:
    """(interval, standard error, p value, name of the interval's method) of a difference."""
    draws = of_a.resampled[metric] - of_b.resampled[metric]
    draws = draws[~np.isnan(draws)]
    disputed = int((of_a.verdicts != of_b.verdicts).sum())
    positives = int(of_a.labels.sum())
    few = {"accuracy": only_a + only_b < FEW, "f1": min(disputed, positives) < FEW}.get(metric, positives < FEW)
    if few or len(draws) < _ENOUGH_RESAMPLES or draws.min() == draws.max():
        limits, method = _analytic_difference(of_a, of_b, metric, only_a, only_b)
        error = (limits[1] - limits[0]) / (2 * intervals.Z)
        p_value = float(2 * stats.norm.sf(abs(difference) / error))
    else:
        limits, method = (float(np.percentile(draws, 2.5)), float(np.percentile(draws, 97.5))), "bootstrap"
        error = float(draws.std(ddof=1))
        # Two-sided, with the observed sample counted, so that p is never 0 (Davison and Hinkley 1997).
        tail = min((draws <= 0).sum(), (draws >= 0).sum())
        p_value = float(min(1.0, 2 * (tail + 1) / (len(draws) + 1)))
    if metric == "accuracy":
        p_value = intervals.mcnemar(only_a, only_b)
    return limits, error, p_value, method


def _analytic_difference(of_a: Evidence, of_b: Evidence, metric: str, only_a: int, only_b: int) -> tuple[Interval, str]:
    if metric == "accuracy":
        return intervals.paired_shares(only_a, only_b, len(of_a.labels)), "tango"
    a, b = of_a.values[metric], of_b.values[metric]
    assert a is not None and b is not None, "the caller checks both"
    positives = int(of_a.labels.sum())
    if metric == "f1" and positives >= FEW:
        # F1 = 2tp / (positives + verdicts): one correct verdict more or less changes it by at most 2 / that sum.
        low, high = intervals.paired_shares(only_a, only_b, len(of_a.labels))
        accuracy = (only_a - only_b) / len(of_a.labels)
        step = 2 * len(of_a.labels) / (positives + min(int(of_a.verdicts.sum()), int(of_b.verdicts.sum())))
        return (max(a - b + step * (low - accuracy), -1.0), min(a - b + step * (high - accuracy), 1.0)), "tango"
    return intervals.difference_from_parts(a, of_a.around(metric, a), b, of_b.around(metric, b)), "wilson"


def _verdict(low: float, high: float, p_value: float, tie_margin: float) -> str:
    if -tie_margin <= low and high <= tie_margin:
        return "tie"
    if p_value < SIGNIFICANCE and low > 0:
        return "a"
    if p_value < SIGNIFICANCE and high < 0:
        return "b"
    return "cannot tell"


def _figure(value: float, limits: Interval, method: str) -> dict[str, Any]:
    low, high = limits
    return {"value": value, "low": min(float(low), value), "high": max(float(high), value), "interval": method}


def _without_interval(value: float, why: str) -> dict[str, Any]:
    return {"value": value, "low": None, "high": None, "why": f"no interval: {why}"}
