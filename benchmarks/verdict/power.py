"""Whether the comments and seeds that a comparison is said to need find a difference of the margin in 80 %.

Pilot comparisons of equal models on 10,000 comments give the variances; `needed` says how many comments and seeds; that
many then judge two models whose expected average precision differs by exactly the margin.
"""

import argparse
import json
from dataclasses import replace

import numpy as np

from benchmarks.verdict.coverage import MARGIN
from benchmarks.verdict.world import WORLDS
from retort.evaluation.figures import Evidence
from retort.evaluation.pairs import difference
from retort.evaluation.planning import needed
from retort.evaluation.uncertainty import Uncertainty

METRIC = "average_precision"
_PILOT_SEEDS = 10


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--pilots", type=int, default=20)
    options.add_argument("--comparisons", type=int, default=300)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    world = WORLDS[10_000]
    worse = world.skill_worse_by(METRIC, MARGIN)

    def judged(rows: int, seeds: int, skills: list[float], index: int) -> Uncertainty:
        sized = replace(world, rows=rows)
        labels, probabilities, _ = sized.draw(np.random.default_rng((given.seed, rows, index)), skills, seeds)
        a, b = (Evidence.of(labels, one, np.full(seeds, world.threshold)) for one in probabilities)
        found, _, _, _ = difference(a, b, METRIC)
        assert found is not None, "there are enough positives"
        return found

    pilots = [judged(world.rows, _PILOT_SEEDS, [world.skill] * 2, index) for index in range(given.pilots)]
    comments, interaction, training = (
        float(np.mean([getattr(one, name) for one in pilots])) for name in ("comments", "interaction", "training")
    )
    mean = replace(pilots[0], comments=comments, interaction=interaction, training=training)
    plan = needed(mean, MARGIN)
    rows, seeds = plan["comments_needed"], plan["seeds_needed"]
    print(json.dumps(plan), flush=True)
    hits = [judged(rows, seeds, [world.skill, worse], index).p_value < 0.05 for index in range(given.comparisons)]
    error = float(np.std(hits) / len(hits) ** 0.5)
    print(json.dumps(plan | {"comparisons": len(hits), "found": float(np.mean(hits)), "error": error}))


if __name__ == "__main__":
    main()
