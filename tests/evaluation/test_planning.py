import numpy as np
import pytest
from scipy import stats

from retort.evaluation.planning import ONE_SEED, needed
from retort.evaluation.uncertainty import Uncertainty, uncertainty


def known(rows: int = 1000, seeds: int = 5, **variances) -> Uncertainty:
    variances = {"comments": 1e-4, "interaction": 0.0, "training": 0.0} | variances
    return Uncertainty(0.0, rows, seeds, **variances, spread=0.01 if seeds > 1 else None, degrees=100.0)


def test_comments_alone_need_the_number_of_the_textbook():
    expected = 1000 * 1e-4 * ((stats.norm.ppf(0.975) + stats.norm.ppf(0.8)) / 0.01) ** 2
    assert needed(known(), 0.01) == {"comments_needed": pytest.approx(expected, abs=1), "seeds_needed": 1}


def test_one_seed_plans_comments_and_says_that_it_has_no_spread():
    found = needed(known(seeds=1), 0.01)
    assert found["seeds_needed"] is None
    assert found["why"] == ONE_SEED
    assert found["comments_needed"] == needed(known(), 0.01)["comments_needed"]


def test_more_chance_in_training_needs_more_seeds_and_a_smaller_difference_more_of_both():
    few, many = needed(known(training=1e-4), 0.01), needed(known(training=4e-4), 0.01)
    assert 1 < few["seeds_needed"] < many["seeds_needed"]
    smaller = needed(known(training=1e-4), 0.005)
    assert smaller["seeds_needed"] > few["seeds_needed"]
    assert smaller["comments_needed"] > few["comments_needed"]


@pytest.mark.parametrize("training", [0.0, 0.004, 0.01])
def test_that_many_comments_and_seeds_find_the_difference_four_times_in_five(training):
    comment, interaction, rows, margin = 0.006, 0.004, 1000, 0.01
    found = needed(known(comments=comment**2, interaction=interaction**2, training=training**2), margin)
    rng, scale = np.random.default_rng(0), np.sqrt(rows / found["comments_needed"])
    seeds, hits = max(found["seeds_needed"], 2 if training else 1), []
    for _ in range(800):
        # 50 comments stand for all: only the variance of their mean matters.
        made = np.sqrt(50) * scale * comment * rng.normal(0, 1, 50)
        influence = made + np.sqrt(50) * scale * interaction * rng.normal(0, 1, (seeds, 50))
        influence += margin + training * rng.normal(0, 1, (seeds, 1))
        hits.append(uncertainty(influence, influence.mean(1)).p_value < 0.05)
    assert 0.75 <= np.mean(hits) <= 0.87
