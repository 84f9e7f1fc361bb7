"""The threshold of one label, chosen on validation for a target."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from retort.evaluation.calibration_fit import too_few
from retort.evaluation.curve import Array
from retort.threshold_target import ThresholdTarget


@dataclass(frozen=True)
class ThresholdChoice:
    """A threshold, and from what it was chosen. why: what was not as wanted, None when all was."""

    target: ThresholdTarget
    value: float
    rows: int
    positives: int
    why: str | None = None

    def as_json(self) -> dict[str, Any]:
        """The label's record in retort.json."""
        return {
            "target": self.target.text,
            "value": self.value,
            "rows": self.rows,
            "positives": self.positives,
            "why": self.why,
        }


@dataclass(frozen=True)
class Cuts:
    """Every way to divide n comments by a threshold, from the one that flags fewest.

    flagged, hits: (n cuts,), how many comments are at or above it, and how many of those are positive. lows, highs: a
    threshold in (low, high] makes this cut. rows, positives: of all comments.
    """

    flagged: Array
    hits: Array
    lows: Array
    highs: Array
    rows: int
    positives: int

    @classmethod
    def of(cls, labels: Array, probabilities: Array) -> "Cuts":
        """labels: (n,) of 0 and 1, probabilities: (n,) in [0, 1]; n >= 1. Equal ones are on the same side."""
        scores, place, counts = np.unique(-probabilities, return_inverse=True, return_counts=True)
        hits = np.bincount(place, labels)
        highs = -scores
        flagged = np.cumsum(counts).astype(np.float64)
        return cls(flagged, np.cumsum(hits), np.append(highs[1:], 0.0), highs, len(labels), int(labels.sum()))

    @property
    def precision(self) -> Array:
        """Hits among the flagged comments."""
        return self.hits / self.flagged

    @property
    def recall(self) -> Array:
        """Hits among the positive comments."""
        return self.hits / self.positives

    @property
    def f1(self) -> Array:
        """2 tp / (2 tp + fp + fn)."""
        return 2 * self.hits / (self.flagged + self.positives)

    @property
    def false_alarms(self) -> Array:
        """The share of negative comments that are flagged."""
        return (self.flagged - self.hits) / (self.rows - self.positives)

    @property
    def flagged_per_thousand(self) -> Array:
        """Flagged comments of 1,000."""
        return 1000 * self.flagged / self.rows

    def threshold(self, cut: int) -> float:
        """The number with the fewest decimals that makes a cut."""
        return _roundest(float(self.lows[cut]), float(self.highs[cut]))


def choose_threshold(labels: Array, probabilities: Array, target: ThresholdTarget, fallback: float) -> ThresholdChoice:
    """The threshold of one label for a target.

    labels: (n,) of 0 and 1; probabilities: (n,), the calibrated ones. `fallback` with the reason where fewer than 10
    comments are positive or negative; the nearest that can be, with the reason, where the target cannot be met.
    """
    rows, positives = len(labels), int(labels.sum())
    if target.aim == "fixed":
        assert target.value is not None, "a fixed target is a number"
        return ThresholdChoice(target, target.value, rows, positives)
    why = too_few(rows, positives)
    if why is not None:
        return ThresholdChoice(target, fallback, rows, positives, f"not tuned, {fallback:g} is used: {why}")
    value, why = _chosen(Cuts.of(labels, probabilities), target)
    return ThresholdChoice(target, value, rows, positives, why)


def _chosen(cuts: Cuts, target: ThresholdTarget) -> tuple[float, str | None]:
    """(threshold, why it is not the target's)."""
    limit = target.value or 0.0
    match target.aim:
        case "precision":
            return _within(cuts, target, cuts.precision, lambda values: values >= limit, cuts.recall, "highest")
        case "recall":
            return _within(cuts, target, cuts.recall, lambda values: values >= limit, cuts.precision, "highest")
        case "false-alarms":
            return _within(cuts, target, cuts.false_alarms, lambda values: values <= limit, cuts.recall, "lowest")
        case "budget":
            return _within(
                cuts, target, cuts.flagged_per_thousand, lambda values: values <= limit, cuts.recall, "lowest"
            )
        case "cost":
            return _cheapest(cuts, limit), None
        case _:
            return cuts.threshold(int(np.argmax(cuts.f1))), None


def _within(
    cuts: Cuts,
    target: ThresholdTarget,
    limited: Array,
    allowed: Callable[[Array], Any],
    wanted: Array,
    nearest: str,
) -> tuple[float, str | None]:
    """Of the cuts that are allowed, the best in `wanted`; of equal ones that which flags fewest."""
    possible = np.asarray(allowed(limited))
    if possible.any():
        return cuts.threshold(int(np.argmax(np.where(possible, wanted, -1)))), None
    cut = int(np.argmax(limited) if nearest == "highest" else np.argmin(limited))
    value = cuts.threshold(cut)
    return value, f"{target.text} cannot be met on validation; the {nearest} is {limited[cut]:.3g} at {value:g}"


def _cheapest(cuts: Cuts, cost: float) -> float:
    """The cut of the lowest cost * missed + false alarms; to flag nothing is one too, if no probability is 1."""
    costs = cost * (cuts.positives - cuts.hits) + cuts.flagged - cuts.hits
    best = int(np.argmin(costs))
    if cuts.highs[0] < 1 and cost * cuts.positives < costs[best]:
        return _roundest(float(cuts.highs[0]), 1.0)
    return cuts.threshold(best)


def _roundest(low: float, high: float) -> float:
    """The number in (low, high] with the fewest decimals, the one nearest to the middle; at least two decimals."""
    middle = (low + high) / 2
    for decimals in range(2, 17):
        candidate = round(middle, decimals)
        if low < candidate <= high:
            return candidate
    return high
