"""Two sources of chance in a metric: which comments are in the test set, and which seeds the models were trained with.

The metric of seed s on the comments C is taken as m + c(C) + t(s) + e(s, C): the comments move all seeds together (c),
training moves a seed (t), and comments move seeds differently (e). The variances of c and e come from pseudo-values
(jackknife.py), that of t is what the spread over seeds holds beyond e. The mean over S seeds has the variance
c + (t + e) / S.
"""

import math
from dataclasses import dataclass

import numpy as np
from scipy import optimize, special, stats

from retort.evaluation.metrics import Array

_CONFIDENCE = 0.975
# Natural logarithm; smaller p values are reported as this one.
_LEAST_LOG_P = -200.0


@dataclass(frozen=True)
class Uncertainty:
    """Of the mean of a metric, or of a difference, over `seeds` seeds on `rows` comments.

    center: the mean less its bias. comments, interaction, training: the variances of c, e and t, all at least 0.
    spread: the standard deviation over seeds; None with one. degrees: of the t distribution, possibly infinite.
    """

    center: float
    rows: int
    seeds: int
    comments: float
    interaction: float
    training: float
    spread: float | None
    degrees: float

    @property
    def of_comments(self) -> float:
        """The variance of the mean over other draws of comments."""
        return self.comments + self.interaction / self.seeds

    @property
    def variance(self) -> float:
        """The variance of the mean from both sources."""
        return self.of_comments + self.training / self.seeds

    @property
    def quantile(self) -> float:
        """Standard errors on either side of a 95 % interval."""
        return float(stats.t.ppf(_CONFIDENCE, self.degrees))

    @property
    def p_value(self) -> float:
        """Two-sided, of the hypothesis that the true value is 0; with several seeds stricter than the interval.

        Correcting for many pairs asks for p values far below 5 %, where the interval's rule is too bold with three
        seeds. Here what the spread holds has the t distribution of S - 1 degrees and the rest the normal one: p is the
        level whose limits, (z² · rest + t² · spread)^½ (Graybill and Wang 1980, doi:10.1080/01621459.1980.10477565),
        reach the center.
        """
        if self.spread is None:
            return float(2 * special.ndtr(-abs(self.center) / math.sqrt(self.variance)))
        of_spread = min(self.spread**2 / self.seeds, self.variance)
        rest = self.variance - of_spread

        def reaches(log_p: float) -> float:
            half = math.exp(log_p) / 2
            limits = rest * special.ndtri(half) ** 2 + of_spread * special.stdtrit(self.seeds - 1, half) ** 2
            return float(limits - self.center**2)

        if reaches(_LEAST_LOG_P) < 0:
            return math.exp(_LEAST_LOG_P)
        return math.exp(optimize.brentq(reaches, _LEAST_LOG_P, 0.0, xtol=1e-6))


def uncertainty(influence: Array, values: Array) -> Uncertainty:
    """From pseudo-values (S, n), n >= 2, and the metric's values (S,).

    Degrees of freedom: (S - 1) / sqrt(w), w being training's share of the variance. Satterthwaite's (S - 1) / w**2 is
    too bold when the spread of three seeds is small by chance: up to 10 % false differences. The root was chosen by the
    simulation in benchmarks/verdict.
    """
    seeds, rows = influence.shape
    center = float(influence.mean())
    centered = influence - influence.mean(1, keepdims=True)
    covariance = centered @ centered.T / (rows - 1) / rows
    of_comments = float(covariance.mean())
    if seeds == 1:
        return Uncertainty(center, rows, 1, of_comments, 0.0, 0.0, None, math.inf)
    interaction = float(np.trace(covariance) - seeds * of_comments) / (seeds - 1)
    spread = float(values.var(ddof=1))
    training = max(0.0, spread - interaction)
    variance = of_comments + training / seeds
    degrees = (seeds - 1) / np.sqrt(training / seeds / variance) if training > 0 else math.inf
    return Uncertainty(
        center,
        rows,
        seeds,
        max(0.0, of_comments - interaction / seeds),
        min(interaction, of_comments * seeds),
        training,
        float(np.sqrt(spread)),
        degrees,
    )
