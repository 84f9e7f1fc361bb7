"""How much each comment moves a metric: the pseudo-values of the jackknife, exact and in one pass over sorted scores.

The pseudo-value of comment i is n·m − (n − 1)·m₋ᵢ, where m₋ᵢ is the metric without that comment (Tukey 1958; Efron and
Stein 1981, doi:10.1214/aos/1176345462). The variance of a metric over other draws of n comments is that of its
pseudo-values divided by n. Pseudo-values add up: those of a difference or a mean of metrics on the same comments are
the differences or means of theirs, so paired models stay paired without resampling. For ROC-AUC this is the variance of
DeLong et al. 1988, doi:10.2307/2531595, up to a factor that tends to 1.

For quotients of counts (accuracy, precision, recall, F1) the pseudo-values are the linear ones, m + n·(aᵢ − m·bᵢ) / b
with the sums a / b = m (the delta method): leaving out one of few comments would overstate the variance of F1.
"""

from collections.abc import Callable

import numpy as np

from retort.evaluation.metrics import COUNTED, HALF, Array, counted, quotient
from retort.evaluation.ranking import Thresholds, wins


def pseudo_values(metric: str, labels: Array, probabilities: Array, threshold: float) -> Array:
    """(n,) float64: how each comment moves the metric, in the metric's units; their mean is the metric less its bias.

    labels: (n,) of 0 and 1. probabilities: (n,). The metric exists on these rows; NaN where it does not exist without
    the comment (the only positive one, say; not for quotients of counts). Raises ValueError for ece, whose absolute
    values are not smooth.
    """
    if metric in ("f1_at_half", *COUNTED):
        threshold, name = (HALF, "f1") if metric == "f1_at_half" else (threshold, metric)
        return _of_counts(name, labels == 1, probabilities >= threshold)
    compute: dict[str, Callable[[Array, Array], Array]] = {
        "brier": lambda labels, scores: (scores.astype(np.float64) - labels) ** 2,
        "roc_auc": _of_roc_auc,
        "average_precision": _of_average_precision,
    }
    if metric not in compute:
        raise ValueError(f"{metric}: no pseudo-values; its interval is in calibration_error.py")
    return compute[metric](labels, probabilities)


def linear_values(metric: str, labels: Array, probabilities: Array, threshold: float) -> Array:
    """(n,) pseudo-values of first order, for differences over several seeds; arguments as of `pseudo_values`.

    With few positives, leaving one out overstates how average precision varies. Its own interval needs that, because
    the metric is skewed and biased; in a difference of two models both cancel, and the derivative by a comment's weight
    (the infinitesimal jackknife, Jaeckel 1972; Efron 1982) has the right size. The mean is the same as that of the
    pseudo-values. Other metrics have their pseudo-values.
    """
    exact = pseudo_values(metric, labels, probabilities, threshold)
    if metric != "average_precision":
        return exact
    return np.asarray(exact.mean() + len(labels) * _slope_of_average_precision(labels, probabilities))


def _of_counts(metric: str, positive: Array, verdict: Array) -> Array:
    """Comments in the same cell of the confusion matrix have the same pseudo-value."""
    cell = 2 * positive + verdict  # 0 true negative, 1 false positive, 2 false negative, 3 true positive
    counts = np.bincount(cell, minlength=4).astype(np.float64)
    whole = counted(metric, counts)
    if metric == "mcc":
        of_cells = _pseudo(whole, counted(metric, counts - np.eye(4)), len(cell))
        return np.asarray(of_cells[cell])
    (_, divisor), (dividends, divisors) = quotient(metric, counts), quotient(metric, np.eye(4))
    of_cells = np.asarray(whole + len(cell) * (dividends - whole * divisors) / divisor)
    return np.asarray(of_cells[cell])


def _of_roc_auc(labels: Array, probabilities: Array) -> Array:
    """Without a positive, its share of the pairs is missing; likewise without a negative."""
    positive = labels == 1
    won = wins(positive, probabilities)
    positives, negatives, total = positive.sum(), (~positive).sum(), won[positive].sum()
    pairs = np.where(positive, (positives - 1) * negatives, positives * (negatives - 1))
    without = np.divide(total - won, pairs, out=np.full(len(labels), np.nan), where=pairs > 0)
    return _pseudo(total / (positives * negatives), without, len(labels))


def _of_average_precision(labels: Array, probabilities: Array) -> Array:
    """Average precision is a sum over the positives of (positives at or above) / (comments at or above).

    Without a comment, the terms from its score downwards change: both counts by one for a positive, the second for a
    negative.
    """
    found = Thresholds.of(labels, probabilities)
    hits, hits_through = found.hits, np.cumsum(found.hits)
    positives = hits_through[-1]
    # A comment alone at the top leaves nothing above: 0 / 1 in place of 0 / 0.
    fewer = np.maximum(found.through - 1, 1)
    terms = hits * hits_through / found.through
    without_negative, without_positive = hits * hits_through / fewer, hits * (hits_through - 1) / fewer
    higher = np.cumsum(terms) - terms
    of_negative = (higher + np.cumsum(without_negative[::-1])[::-1]) / positives
    own = (hits - 1) * (hits_through - 1) / fewer
    lower = np.cumsum(without_positive[::-1])[::-1] - without_positive
    of_positive = (higher + own + lower) / (positives - 1) if positives > 1 else np.full(len(hits), np.nan)
    without = np.empty(len(labels))
    without[found.order] = np.where(labels[found.order] == 1, of_positive[found.group], of_negative[found.group])
    return _pseudo(terms.sum() / positives, without, len(labels))


def _slope_of_average_precision(labels: Array, probabilities: Array) -> Array:
    """(n,) the derivative of average precision by the weight of each comment, all weights being 1; their sum is 0."""
    found = Thresholds.of(labels, probabilities)
    hits, hits_through, through = found.hits, np.cumsum(found.hits), found.through
    positives = hits_through[-1]
    # A comment counts at its own score and at all lower ones: among the comments there, and as a hit if it is one.
    as_comment = _from_here_down(hits * hits_through / through**2)
    as_hit = hits_through / through + _from_here_down(hits / through)
    precision = (hits * hits_through / through).sum() / positives
    slopes = np.empty(len(labels))
    positive, group = labels[found.order] == 1, found.group
    slopes[found.order] = (np.where(positive, as_hit[group] - precision, 0.0) - as_comment[group]) / positives
    return slopes


def _from_here_down(terms: Array) -> Array:
    return np.asarray(np.cumsum(terms[::-1])[::-1])


def _pseudo(whole: float | Array, without: Array, rows: int) -> Array:
    return np.asarray(rows * whole - (rows - 1) * without)
