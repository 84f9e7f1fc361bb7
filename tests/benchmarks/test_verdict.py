import numpy as np
import pytest
from benchmarks.verdict.coverage import simulate
from benchmarks.verdict.world import WORLDS, World

from retort.evaluation.metrics import measure

COMPARISONS = 120


def within(share: float, most_errors: float) -> float:
    """The share that `COMPARISONS` may fall to by chance: three binomial errors."""
    return share - 3 * (most_errors * (1 - most_errors) / COMPARISONS) ** 0.5


@pytest.fixture(scope="module", params=[3, 5])
def cell(request) -> dict[str, float]:
    """Where seeds matter more than comments, so that leaving them out cannot pass."""
    world = World(250, seed_skill=0.5, of_seed=0.1)
    found = simulate(world, (request.param,), COMPARISONS, seed=1, equal=3)[request.param]
    return {what: float(np.mean(shares)) for what, shares in found.items()}


@pytest.mark.slow
def test_intervals_hold_the_truth_about_95_percent_of_the_time(cell):
    for metric in ("average_precision", "accuracy", "f1"):
        assert within(0.95, 0.05) <= cell[f"{metric} covered"], metric
        assert within(0.95, 0.05) <= cell[f"{metric} difference covered"] < 0.995, metric


@pytest.mark.slow
def test_equal_models_are_rarely_called_better_and_worse_ones_rarely_not_worse(cell):
    for metric in ("average_precision", "accuracy", "f1"):
        assert cell[f"{metric} better in a report"] <= 1 - within(0.95, 0.05), metric
    assert cell["not worse at a loss of the margin"] <= 1 - within(0.95, 0.05)


def test_the_true_figures_are_those_of_very_many_comments():
    world = World(400_000, seed_skill=0.0, of_seed=0.1)
    labels, probabilities, _ = world.draw(np.random.default_rng(0), [2.3], 1)
    figures = measure(labels, probabilities[0, 0], world.threshold)
    for metric in ("average_precision", "accuracy", "f1"):
        assert figures[metric] == pytest.approx(world.true(metric, 2.3), abs=0.003), metric
    assert figures["ece"] < 0.005


def test_the_world_is_as_its_description_says():
    world = WORLDS[10_000]
    assert world.expected("average_precision", world.skill_worse_by("average_precision", 0.01)) == pytest.approx(
        world.expected("average_precision", world.skill) - 0.01
    )
    skills = world.skill + world.seed_skill * np.random.default_rng(0).normal(0, 1, 200)
    assert np.std([world.true("average_precision", skill) for skill in skills]) == pytest.approx(0.01, abs=0.002)
    _, probabilities, _ = world.draw(np.random.default_rng(0), [2.3, 2.3], 1)
    logits = np.log(probabilities[:, 0] / (1 - probabilities[:, 0]))
    assert np.corrcoef(logits)[0, 1] == pytest.approx(0.89, abs=0.02)
