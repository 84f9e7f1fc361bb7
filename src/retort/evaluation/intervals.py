"""Analytic 95 % intervals for few observations, where the bootstrap is too narrow.

Resampling five correct answers gives five correct answers every time: an interval of zero width. With fewer than
`FEW` observations on either side these intervals replace the bootstrap's.
"""

import math

from scipy import optimize, stats

Interval = tuple[float, float]

# Successes or failures (positives or negatives, for the ranking metrics) below which the bootstrap is not used.
FEW = 10

Z = 1.959963984540054
# The normal quantile of a power of 80 %.
Z_POWER = 0.8416212335729143


def wilson(successes: float, number: float) -> Interval:
    """The interval of a proportion (Wilson 1927; recommended for small n by Brown, Cai and DasGupta 2001,
    doi:10.1214/ss/1009213286). Never of zero width. `number` above 0."""
    share = successes / number
    middle = (share + Z**2 / (2 * number)) / (1 + Z**2 / number)
    half = Z / (1 + Z**2 / number) * math.sqrt(share * (1 - share) / number + Z**2 / (4 * number**2))
    return max(0.0, middle - half), min(1.0, middle + half)


def f1_interval(hits: int, errors: int) -> Interval:
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


def paired_shares(only_a: int, only_b: int, number: int) -> Interval:
    """The interval of a difference of two paired proportions, share a - share b (Tango 1998,
    doi:10.1002/(SICI)1097-0258(19980430)17:8<891::AID-SIM780>3.0.CO;2-B).

    only_a, only_b: comments that only one of the two answers correctly. Never of zero width, even when both are 0.
    """

    def score(delta: float) -> float:
        a = 2 * number
        b = -only_a - only_b + (2 * number - only_a + only_b) * delta
        c = -only_b * delta * (1 - delta)
        share = (math.sqrt(max(b * b - 4 * a * c, 0.0)) - b) / (2 * a)
        variance = number * (2 * share + delta * (1 - delta))
        gap = only_a - only_b - number * delta
        if variance <= 0:
            return math.copysign(math.inf, gap) if gap else 0.0
        return gap / math.sqrt(variance)

    difference = (only_a - only_b) / number
    edge = 1 - 1e-9
    low = optimize.brentq(lambda d: min(score(d), 1e6) - Z, -edge, difference) if only_b < number else -1.0
    high = optimize.brentq(lambda d: max(score(d), -1e6) + Z, difference, edge) if only_a < number else 1.0
    return float(low), float(high)


def difference_from_parts(a: float, a_interval: Interval, b: float, b_interval: Interval) -> Interval:
    """The interval of a - b from the intervals of a and b (MOVER: Newcombe 1998; Zou and Donner 2008,
    doi:10.1002/sim.3095). It assumes that a and b are independent, so it is too wide for paired models."""
    low = a - b - math.hypot(a - a_interval[0], b_interval[1] - b)
    high = a - b + math.hypot(a_interval[1] - a, b - b_interval[0])
    return max(low, -1.0), min(high, 1.0)


def mcnemar(only_a: int, only_b: int) -> float:
    """The exact two-sided p value of the hypothesis that two models err equally often (McNemar 1947, binomial form)."""
    disputed = only_a + only_b
    return float(stats.binomtest(only_a, disputed).pvalue) if disputed else 1.0


def comments_needed(rows: int, standard_error: float, difference: float) -> int:
    """Test comments needed to show a difference of this size with 80 % power at 5 % (errors shrink with sqrt(n)).

    `standard_error` is that of the difference on `rows` comments; `difference` is not 0.
    """
    return max(2, math.ceil(rows * ((Z + Z_POWER) * standard_error / abs(difference)) ** 2))


def comments_for_half_width(rows: int, low: float, high: float, half_width: float) -> int:
    """Test comments needed to narrow an interval on `rows` comments to ± `half_width` (errors shrink with sqrt(n))."""
    return max(2, math.ceil(rows * ((high - low) / 2 / half_width) ** 2))
