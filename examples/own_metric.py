"""A metric of one's own, computed from a finished run. Nothing is trained: the predictions were kept.

    python examples/own_metric.py runs/NAME
    python examples/own_metric.py runs/NAME --share 0.05

A moderator has time for a tenth of the comments and reads those that a model ranks highest. Which share of the
toxic ones does that find? Labels stand in splits.parquet, probabilities in each arm's predictions.parquet.
"""

import argparse
import json
from pathlib import Path

import numpy as np
import pandas as pd

RESAMPLES = 1000


def found_by_reading(toxic: np.ndarray, probabilities: np.ndarray, share: float) -> float:
    """The share of toxic comments among the `share` of comments with the highest probabilities.

    toxic: (n,) bool with at least one True. probabilities: (n,). Comments of equal probability are read in an
    order drawn once, so that a model that says the same of all finds no more than luck would.
    """
    reads = round(share * len(toxic))
    drawn = np.random.default_rng(0).permutation(len(toxic))
    ranked = drawn[np.argsort(-probabilities[drawn], kind="stable")]
    return float(toxic[ranked[:reads]].sum() / toxic.sum())


def interval(toxic: np.ndarray, probabilities: np.ndarray, share: float) -> tuple[float, float]:
    """95 % of what other test comments of the same kind might have given (a percentile bootstrap)."""
    generator = np.random.default_rng(0)
    values = []
    while len(values) < RESAMPLES:
        rows = generator.integers(0, len(toxic), len(toxic))
        if toxic[rows].any():
            values.append(found_by_reading(toxic[rows], probabilities[rows], share))
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(description="What a moderator finds who reads the highest-ranked comments.")
    parser.add_argument("run", type=Path, help="folder of a finished run")
    parser.add_argument("--share", type=float, default=0.1, help="share of the comments that are read")
    given = parser.parse_args()

    comparison = json.loads((given.run / "comparison.json").read_text("utf-8"))
    primary = comparison["primary"]
    splits = pd.read_parquet(given.run / "splits.parquet").set_index("id")
    test = splits[splits["split"] == "test"]
    # Ratings are float32; in that type a stored 0.6 is not below a threshold of 0.6.
    toxic = (test[primary] >= np.float32(comparison["label_threshold"])).to_numpy()
    if not toxic.any():
        raise SystemExit(f"{given.run}: no test comment is toxic, so there is nothing to find")

    print(f"reading {given.share:.0%} of {len(toxic)} test comments, {toxic.sum()} of them toxic, finds")
    for arm in comparison["arms"]:
        predictions = pd.read_parquet(given.run / arm / "predictions.parquet").set_index("id")
        probabilities = predictions.loc[test.index, primary].to_numpy(np.float64)
        low, high = interval(toxic, probabilities, given.share)
        found = found_by_reading(toxic, probabilities, given.share)
        print(f"{arm:<12} {found:.3f} ({low:.3f} to {high:.3f})")


if __name__ == "__main__":
    main()
