"""Time and memory of judging a large comparison: 97,320 test comments, 6 arms, 3 seeds, 7 labels."""

import argparse
import json
import resource
import time

import numpy as np

from retort.evaluation.statistics import judge


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rows", type=int, default=97_320)
    options.add_argument("--arms", type=int, default=6)
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--labels", type=int, default=7)
    given = options.parse_args()
    rng = np.random.default_rng(0)
    labels = (rng.random((given.rows, given.labels)) < np.linspace(0.08, 0.003, given.labels)).astype(np.float64)
    shared = rng.normal(-3, 1.0, labels.shape) + 2.3 * labels
    predictions = {}
    for arm in range(given.arms):
        logits = shared + rng.normal(0, 0.35, (given.seeds, *labels.shape)).astype(np.float32)
        predictions[f"arm {arm}"] = (1 / (1 + np.exp(-logits))).astype(np.float32)
    names = [f"label {number}" for number in range(given.labels)]
    thresholds = {arm: np.full((given.seeds, given.labels), 0.4) for arm in predictions}
    started, used = time.perf_counter(), time.process_time()
    _, pairs = judge(labels, predictions, names, thresholds, samples=1000, seed=0, margin=0.01)
    seconds, used = time.perf_counter() - started, time.process_time() - used
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(
        json.dumps(
            vars(given)
            | {"seconds": round(seconds, 1), "cpu_seconds": round(used, 1), "peak_bytes": peak, "pairs": len(pairs)}
        )
    )


if __name__ == "__main__":
    main()
