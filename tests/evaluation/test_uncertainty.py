import numpy as np
import pytest
from scipy import stats

from retort.evaluation.uncertainty import Uncertainty, uncertainty


def simulated(rng, rows: int, seeds: int, comment: float, training: float, interaction: float):
    """Pseudo-values (S, n) of a mean, and its values (S,), with these standard deviations."""
    scale = np.sqrt(rows)
    influence = scale * (comment * rng.normal(0, 1, rows) + interaction * rng.normal(0, 1, (seeds, rows)))
    influence += training * rng.normal(0, 1, (seeds, 1))
    return influence, influence.mean(1)


def test_the_three_variances_are_found():
    rng = np.random.default_rng(0)
    found = [uncertainty(*simulated(rng, 200, 5, 0.02, 0.03, 0.01)) for _ in range(800)]
    assert np.mean([one.comments for one in found]) == pytest.approx(0.02**2, rel=0.05)
    assert np.mean([one.interaction for one in found]) == pytest.approx(0.01**2, rel=0.05)
    assert np.mean([one.training for one in found]) == pytest.approx(0.03**2, rel=0.08)
    truth = 0.02**2 + (0.03**2 + 0.01**2) / 5
    assert np.mean([one.variance for one in found]) == pytest.approx(truth, rel=0.08)
    assert np.var([one.center for one in found]) == pytest.approx(truth, rel=0.15)


@pytest.mark.parametrize("training", [0.0, 0.01, 0.05])
@pytest.mark.parametrize("seeds", [3, 10])
def test_intervals_hold_the_truth_whichever_source_of_chance_is_larger(seeds, training):
    rng, held, excludes = np.random.default_rng(1), [], []
    for _ in range(800):
        found = uncertainty(*simulated(rng, 100, seeds, 0.02, training, 0.02))
        held.append(abs(found.center) <= found.quantile * found.variance**0.5)
        excludes.append(found.p_value < 0.05)
    assert 0.93 <= np.mean(held) <= 0.98
    assert np.mean(excludes) <= 0.06


def test_one_seed_leaves_the_comments():
    rng = np.random.default_rng(0)
    influence = rng.normal(0.4, 1, (1, 50))
    found = uncertainty(influence, influence.mean(1))
    assert found.spread is None
    assert found.variance == pytest.approx(influence.var(ddof=1) / 50)
    assert found.p_value == pytest.approx(2 * stats.norm.sf(abs(found.center) / found.variance**0.5))


def test_few_seeds_widen_the_interval():
    rng = np.random.default_rng(0)
    quantiles = [uncertainty(*simulated(rng, 100, seeds, 0.001, 0.05, 0.001)).quantile for seeds in (3, 10)]
    assert quantiles == pytest.approx([stats.t.ppf(0.975, 2), stats.t.ppf(0.975, 9)], rel=0.05)


def test_p_values_far_below_5_percent_hold_too():
    """As Holm asks for with many pairs; three seeds, most of the variance from training."""
    rng, below = np.random.default_rng(2), []
    for _ in range(4000):
        influence = 0.02 * rng.normal(0, 1, (1, 40)) * 40**0.5 + 0.06 * rng.normal(0, 1, (3, 1))
        below.append(uncertainty(influence, influence.mean(1)).p_value < 0.005)
    assert np.mean(below) <= 0.005 + 3 * (0.005 * 0.995 / 4000) ** 0.5


def test_the_p_value_is_the_level_whose_limits_reach_the_center():
    rng = np.random.default_rng(0)
    found = uncertainty(*simulated(rng, 100, 4, 0.02, 0.03, 0.02))
    p_value, spread = found.p_value, found.spread**2 / 4
    limits = stats.norm.isf(p_value / 2) ** 2 * (found.variance - spread) + stats.t.isf(p_value / 2, 3) ** 2 * spread
    assert limits**0.5 == pytest.approx(abs(found.center), rel=1e-4)
    far = Uncertainty(1.0, 100, 4, 1e-9, 0.0, 1e-12, 1e-6, 3.0)
    assert 0 < far.p_value < 1e-6
