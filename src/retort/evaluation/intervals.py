"""95 % intervals from a variance, on scales that keep them within a metric's bounds, or from counts without one.

Where every comment has the same influence (75 correct of 75) the variance is 0 and says nothing: there the intervals
of Wilson and Newcombe, from the number of comments alone, replace it.
"""

import math

from scipy import optimize

Interval = tuple[float, float]

# Positives or negatives below which readers are told that a figure rests on few comments.
FEW = 10

Z = 1.959963984540054


def wilson(successes: float, number: float, quantile: float = Z) -> Interval:
    """The interval of a proportion (Wilson 1927; recommended for small n by Brown, Cai and DasGupta 2001,
    doi:10.1214/ss/1009213286). Never of zero width. `number` above 0; quantile: standard errors on either side."""
    share, squared = successes / number, quantile**2
    middle = (share + squared / (2 * number)) / (1 + squared / number)
    half = quantile / (1 + squared / number) * math.sqrt(share * (1 - share) / number + squared / (4 * number**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def wilson_of_variance(share: float, variance: float, quantile: float) -> Interval:
    """Wilson's interval with the effective number of comments, at which a proportion would have this variance
    (Korn and Graubard 1998). share strictly between 0 and 1, variance above 0."""
    number = share * (1 - share) / variance
    return wilson(share * number, number, quantile)


def logit_interval(share: float, variance: float, quantile: float) -> Interval:
    """Symmetric in log odds, so that it stays in (0, 1) (for average precision: Boyd, Eng and Page 2013,
    doi:10.1007/978-3-642-40994-3_29). share strictly between 0 and 1."""
    half = quantile * math.sqrt(variance) / (share * (1 - share))
    odds = math.log(share / (1 - share))
    return _logistic(odds - half), _logistic(odds + half)


def f1_interval(hits: float, errors: float) -> Interval:
    """The interval of F1 from true positives and errors (false positives + false negatives).

    tp / (tp + fp + fn) is a proportion, and F1 = 2p / (1 + p) grows with it (Hand, Christen and Kirielle
    2021, doi:10.1007/s10994-021-05964-1), so Wilson's limits carry over.
    """
    low, high = wilson(hits, hits + errors)
    return 2 * low / (1 + low), 2 * high / (1 + high)


def auc_interval(auc: float, positives: int, negatives: int) -> Interval:
    """The interval of a ROC-AUC (Newcombe 2006, doi:10.1002/sim.2324, method 5), wide even at 0 and 1."""

    def misfit(truth: float) -> float:
        spread = (positives + negatives) / 2 - 1
        variance = truth * (1 - truth) / (positives * negatives)
        variance *= 1 + spread * ((1 - truth) / (2 - truth) + truth / (1 + truth))
        return (auc - truth) ** 2 - Z**2 * variance

    low = 0.0 if auc <= 0 else optimize.brentq(misfit, 0.0, auc - 1e-12) if misfit(0.0) > 0 else 0.0
    high = 1.0 if auc >= 1 else optimize.brentq(misfit, auc + 1e-12, 1.0) if misfit(1.0) > 0 else 1.0
    return float(low), float(high)


def difference_from_parts(a: float, a_interval: Interval, b: float, b_interval: Interval) -> Interval:
    """The interval of a - b from the intervals of a and b (MOVER: Newcombe 1998; Zou and Donner 2008,
    doi:10.1002/sim.3095). It assumes that a and b are independent, so it is too wide for paired models."""
    low = a - b - math.hypot(a - a_interval[0], b_interval[1] - b)
    high = a - b + math.hypot(a_interval[1] - a, b - b_interval[0])
    return max(low, -1.0), min(high, 1.0)


def comments_for_half_width(rows: int, low: float, high: float, half_width: float) -> int:
    """Test comments needed to narrow an interval on `rows` comments to ± `half_width` (errors shrink with sqrt(n))."""
    return max(2, math.ceil(rows * ((high - low) / 2 / half_width) ** 2))


def _logistic(odds: float) -> float:
    return 1 / (1 + math.exp(-odds)) if odds > -700 else 0.0
