"""A simulated comparison whose true figures are known: comments, models and seeds with realistic correlation.

The score of a comment is normal around 0 for negatives and around the model's skill for positives (in logits of a
calibrated model, up to a linear map). Its noise, of variance 1, is shared by all models (a comment's difficulty), by
the seeds of one model, or belongs to one seed. A seed also moves the skill, partly the same way for all models (a
student follows the teacher of its seed). The true figures are integrals over the normal curves.
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

Array = NDArray[np.float64]

_POINTS, _WEIGHTS = np.polynomial.hermite_e.hermegauss(15)


@dataclass(frozen=True)
class World:
    """What is simulated. rows: test comments; more of them go with more training, so seeds differ less.

    skill: in standard deviations of the noise. seed_skill: the standard deviation of skill over seeds. of_seed,
    of_model: parts of the noise's variance; the rest is shared by all. together: the share of the variance of skill
    that all models of one seed have in common. threshold: a probability.
    """

    rows: int
    seed_skill: float
    of_seed: float
    skill: float = 2.3
    of_model: float = 0.08
    together: float = 0.3
    prevalence: float = 0.145
    threshold: float = 0.4

    @property
    def cut(self) -> float:
        """The score at the threshold."""
        odds = math.log(self.threshold / (1 - self.threshold)) - math.log(self.prevalence / (1 - self.prevalence))
        return (odds + self.skill**2 / 2) / self.skill

    def probabilities(self, scores: Array) -> Array:
        """Of the scores, calibrated at the mean skill; any shape."""
        odds = math.log(self.prevalence / (1 - self.prevalence)) - self.skill**2 / 2 + self.skill * scores
        return np.asarray(1 / (1 + np.exp(-odds)))

    def draw(self, rng: np.random.Generator, skills: list[float], seeds: int) -> tuple[Array, Array, Array]:
        """(labels (n,), probabilities (models, seeds, n), skill of each (models, seeds))."""
        models = len(skills)
        labels = (rng.random(self.rows) < self.prevalence).astype(np.float64)
        shared = rng.normal(0, math.sqrt(1 - self.of_seed - self.of_model), self.rows)
        common = rng.normal(0, math.sqrt(self.together), seeds)
        own = rng.normal(0, math.sqrt(1 - self.together), (models, seeds))
        drawn = np.array(skills)[:, None] + self.seed_skill * (common + own)
        noise = rng.normal(0, math.sqrt(self.of_model), (models, 1, self.rows))
        noise = noise + rng.normal(0, math.sqrt(self.of_seed), (models, seeds, self.rows))
        return labels, self.probabilities(drawn[:, :, None] * labels + shared + noise), drawn

    def true(self, metric: str, skill: float) -> float:
        """The metric of one model with this skill on endless comments."""
        return _true(metric, skill, self.prevalence, self.cut)

    def expected(self, metric: str, skill: float) -> float:
        """The mean of `true` over seeds, by Gauss-Hermite quadrature."""
        values = [self.true(metric, skill + self.seed_skill * point) for point in _POINTS]
        return float(np.dot(_WEIGHTS, values) / _WEIGHTS.sum())

    def skill_worse_by(self, metric: str, loss: float) -> float:
        """The skill whose expected metric is lower by exactly this much."""
        wanted = self.expected(metric, self.skill) - loss
        return float(optimize.brentq(lambda skill: self.expected(metric, skill) - wanted, 0.5, self.skill))


@functools.lru_cache(maxsize=100_000)
def _true(metric: str, skill: float, prevalence: float, cut: float) -> float:
    if metric == "average_precision":
        scores = np.linspace(-9, 14, 8001)
        hits, alarms = prevalence * stats.norm.sf(scores - skill), (1 - prevalence) * stats.norm.sf(scores)
        precision = hits / np.maximum(hits + alarms, 1e-300)
        return float(np.trapezoid(stats.norm.pdf(scores - skill) * precision, scores))
    hits, alarms = prevalence * stats.norm.sf(cut - skill), (1 - prevalence) * stats.norm.sf(cut)
    if metric == "accuracy":
        return float(1 - alarms - prevalence + hits)
    return float(2 * hits / (prevalence + hits + alarms))


# Average precision of about 0.81; its standard deviation over seeds is about 0.04, 0.02 and 0.01.
WORLDS = {
    75: World(75, seed_skill=0.20, of_seed=0.20),
    500: World(500, seed_skill=0.10, of_seed=0.15),
    10_000: World(10_000, seed_skill=0.05, of_seed=0.10),
}
