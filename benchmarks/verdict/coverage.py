"""How often the intervals hold the truth, and how often a verdict is wrong, in simulated comparisons.

Six models of equal skill and a seventh whose expected average precision is lower by exactly the margin, judged by the
code that judges a run. One row for each number of test comments and seeds. The Monte-Carlo error is the standard
deviation over simulated comparisons divided by the square root of their number.
"""

import argparse
import itertools
import json
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.verdict.world import WORLDS, World
from retort.evaluation.figures import Evidence, limits_of
from retort.evaluation.pairs import difference, holm, verdict

METRICS = ("average_precision", "accuracy", "f1")
SEEDS = (1, 3, 5, 10)
MARGIN = 0.01
EQUAL = 6


def simulate(
    world: World, seeds: tuple[int, ...], comparisons: int, seed: int, equal: int = EQUAL
) -> dict[int, dict[str, list[float]]]:
    """{seeds: {what: [share in one comparison, ...]}}; fewer seeds are the first of the most."""
    worse = world.skill_worse_by("average_precision", MARGIN)
    skills = [world.skill] * equal + [worse]
    found: dict[int, dict[str, list[float]]] = {number: defaultdict(list) for number in seeds}
    for index in range(comparisons):
        rng = np.random.default_rng((seed, index))
        labels, probabilities, drawn = world.draw(rng, skills, max(seeds))
        if labels.sum() < 2:
            continue
        all_seeds = [Evidence.of(labels, one, np.full(max(seeds), world.threshold)) for one in probabilities]
        for arm, metric in itertools.product(all_seeds, METRICS):
            arm.values(metric)
            arm.influence(metric)
            arm.linear_influence(metric)
        for number in seeds:
            arms = [arm.first(number) for arm in all_seeds]
            for what, share in _one(world, arms, drawn, worse).items():
                found[number][what].append(share)
    return found


def _one(world: World, arms: list[Evidence], drawn: Any, worse: float) -> dict[str, float]:
    seeds, equal = arms[0].seeds, len(arms) - 1
    shares: dict[str, float] = {}
    for metric in METRICS:
        # With one seed the interval holds comments only: its target is this seed's own figure.
        truths = [
            world.true(metric, float(drawn[arm, 0])) if seeds == 1 else world.expected(metric, world.skill)
            for arm in range(equal)
        ]
        covered = []
        for arm, truth in zip(arms, truths, strict=False):
            value = arm.value(metric)
            assert value is not None
            limits, _ = limits_of(arm, metric, value)
            covered.append(limits is not None and limits[0] <= truth <= limits[1])
        shares[f"{metric} covered"] = float(np.mean(covered))
        pairs = [difference(a, b, metric) for a, b in itertools.combinations(arms[:equal], 2)]
        true = [a - b for a, b in itertools.combinations(truths, 2)]
        inside = [low <= one <= high for (_, (low, high), _, _), one in zip(pairs, true, strict=True)]
        shares[f"{metric} difference covered"] = float(np.mean(inside))
        if seeds == 1:
            continue  # two single models of equal expected skill do differ
        p_values = [p_value for _, _, p_value, _ in pairs]
        shares[f"{metric} better"] = float(np.mean([p < 0.05 for p in p_values]))
        shares[f"{metric} better in a report"] = float(min(holm(p_values)) < 0.05)
    if seeds == 1:
        return shares
    lost = world.expected("average_precision", world.skill) - world.expected("average_precision", worse)
    against = [difference(arms[-1], other, "average_precision") for other in arms[:equal]]
    said = [verdict(low, high, p_value, MARGIN) for _, (low, high), p_value, _ in against]
    wrong = [one["verdict"] == "equivalent" or one["favours"] == "a" for one in said]
    shares["not worse at a loss of the margin"] = float(np.mean(wrong))
    shares["loss covered"] = float(np.mean([low <= -lost <= high for _, (low, high), _, _ in against]))
    return shares


def summary(found: dict[str, list[float]]) -> dict[str, dict[str, float]]:
    """{what: {"share", "error"}}."""
    return {
        what: {"share": float(np.mean(shares)), "error": float(np.std(shares, ddof=1) / len(shares) ** 0.5)}
        for what, shares in found.items()
    }


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, choices=tuple(WORLDS), action="append", help="all unless given")
    options.add_argument("--comparisons", type=int, default=1000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--out", type=Path, help="a JSON file; its other parts stay")
    given = options.parse_args()
    for rows in given.rows or WORLDS:
        started = time.perf_counter()
        found = simulate(WORLDS[rows], SEEDS, given.comparisons, given.seed)
        cells = {str(seeds): summary(shares) for seeds, shares in found.items()}
        for seeds, cell in cells.items():
            print(f"{rows} comments, {seeds} seeds", flush=True)
            for what, one in cell.items():
                print(f"  {what:42} {100 * one['share']:6.2f} % ± {100 * one['error']:.2f}")
        if given.out:
            record = {"comparisons": given.comparisons, "seed": given.seed, "seeds": cells}
            record["seconds"] = round(time.perf_counter() - started)
            whole = json.loads(given.out.read_text("utf-8")) if given.out.is_file() else {}
            whole.setdefault("coverage", {})[str(rows)] = record
            given.out.write_text(json.dumps(whole, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
