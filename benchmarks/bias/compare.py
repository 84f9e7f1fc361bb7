"""The jackknife's intervals of bias figures beside those of a bootstrap, with the time and memory of each.

Two models and 24 identities of 0.3 to 8 % of the comments; the second model scores harmless mentions of some identities
higher. Bias figures, the final metric, and their paired differences.
"""

import argparse
import json
import resource
import time
from typing import Any

import numpy as np

from benchmarks.bias.bootstrap import Prepared, resampled
from retort.evaluation.bias import FIGURES, judge_bias
from retort.evaluation.metrics import Array

_SHARE, _THRESHOLD = 0.08, 0.4


def comments(rows: int, identities: int, seed: int) -> tuple[Array, dict[str, Array], dict[str, Array]]:
    """(labels (n,), {model: probabilities (n,)}, {identity: (n,) bool})."""
    rng = np.random.default_rng(seed)
    labels = (rng.random(rows) < _SHARE).astype(np.float64)
    sizes = np.geomspace(0.08, 0.003, identities)
    groups = {f"identity {i:02}": rng.random(rows) < size * (1 + labels) for i, size in enumerate(sizes)}
    shared = 2.3 * labels - 3 + rng.normal(0, 1, rows)
    harm = sum((0.6 * (i % 3) / 2) * member for i, member in enumerate(groups.values()))
    logits = {"teacher": shared + rng.normal(0, 0.3, rows), "student": shared + rng.normal(0, 0.3, rows) + harm}
    return labels, {name: 1 / (1 + np.exp(-one)) for name, one in logits.items()}, groups


def side_by_side(result: dict[str, Any], drawn: dict[str, dict[str, Array]]) -> dict[str, dict[str, Any]]:
    """{kind: {"intervals", "width": [smallest, median, largest ratio], "limits": largest distance in widths}}.

    The ratio is the jackknife's width by the bootstrap's; ` −` marks paired differences.
    """
    ratios: dict[str, list[tuple[float, float]]] = {}
    pair = result["pairs"][0]
    for name in drawn["student"]:
        group, _, kind = name.rpartition(" ")
        own = result["arms"]["student"]["groups"][group][kind] if group else result["arms"]["student"][kind]
        both = pair["groups"][group][kind] if group else pair[kind]
        apart = drawn["student"][name] - drawn["teacher"][name]
        # No interval, or a bootstrap that never moves, has no ratio.
        if own["low"] is None or both["low"] is None or not (np.ptp(drawn["student"][name]) and np.ptp(apart)):
            continue
        ratios.setdefault(kind, []).append(_ratio(own, drawn["student"][name]))
        ratios.setdefault(f"{kind} −", []).append(_ratio(both, apart))
    order = ["final", "overall_auc", *FIGURES]
    return {
        kind + mark: {
            "intervals": len(ratios[kind + mark]),
            "width": [round(float(np.quantile([r for r, _ in ratios[kind + mark]], q)), 3) for q in (0, 0.5, 1)],
            "limits": round(max(d for _, d in ratios[kind + mark]), 3),
        }
        for mark in ("", " −")
        for kind in order
    }


def _ratio(row: dict[str, Any], drawn: Array) -> tuple[float, float]:
    low, high = np.quantile(drawn, [0.025, 0.975])
    width = high - low
    return (row["high"] - row["low"]) / width, max(abs(row["low"] - low), abs(row["high"] - high)) / width


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=100_000)
    options.add_argument("--identities", type=int, default=24)
    options.add_argument("--resamples", type=int, default=1000)
    options.add_argument("--seed", type=int, default=0)
    options.add_argument("--json", action="store_true")
    given = options.parse_args()
    labels, models, groups = comments(given.rows, given.identities, given.seed)
    clock, used = time.perf_counter(), time.process_time()
    result = judge_bias(
        labels,
        {name: scores[None] for name, scores in models.items()},
        {name: np.array([_THRESHOLD]) for name in models},
        groups,
        samples=1000,
        seed=given.seed,
        reference="teacher",
    )
    jackknife = {"seconds": time.perf_counter() - clock, "cpu_seconds": time.process_time() - used}
    clock, used = time.perf_counter(), time.process_time()
    prepared = {name: Prepared.of(scores, _THRESHOLD, groups) for name, scores in models.items()}
    drawn = resampled(labels, prepared, result["in_final"], given.resamples, given.seed)
    bootstrap = {"seconds": time.perf_counter() - clock, "cpu_seconds": time.process_time() - used}
    found = {
        "rows": given.rows,
        "identities": given.identities,
        "resamples": given.resamples,
        "jackknife": {name: round(value, 1) for name, value in jackknife.items()},
        "bootstrap": {name: round(value, 1) for name, value in bootstrap.items()},
        "peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        "side_by_side": side_by_side(result, drawn),
    }
    if given.json:
        print(json.dumps(found))
        return
    for name, value in found.items():
        if name != "side_by_side":
            print(f"{name:12} {value}")
    print(
        f"{'jackknife / bootstrap':24} intervals  width: least, median, most   largest distance of a limit, in widths"
    )
    for kind, row in found["side_by_side"].items():
        least, median, most = row["width"]
        print(f"{kind:24} {row['intervals']:9}  {least:12.3f} {median:7.3f} {most:6.3f}   {row['limits']:.3f}")


if __name__ == "__main__":
    main()
