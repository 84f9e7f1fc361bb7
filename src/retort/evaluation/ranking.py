"""Average precision and ROC-AUC from one sort of the scores; equal scores share one threshold, as in scikit-learn."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


@dataclass(frozen=True)
class Thresholds:
    """Every distinct score as a threshold, the highest first.

    order: (n,) comments by falling score. group: (n,) the threshold of each of them. hits, through: (n_thresholds,)
    positives with this score; comments with this or a higher one.
    """

    order: Array
    group: Array
    hits: Array
    through: Array

    @classmethod
    def of(cls, labels: Array, scores: Array) -> "Thresholds":
        """labels: (n,) of 0 and 1. scores: (n,), n >= 1."""
        order = np.argsort(-scores, kind="stable")
        ordered = scores[order]
        first = np.r_[True, ordered[1:] != ordered[:-1]]
        starts = np.flatnonzero(first)
        hits = np.add.reduceat((labels[order] == 1).astype(np.float64), starts)
        return cls(order, np.cumsum(first) - 1, hits, np.r_[starts[1:], len(scores)].astype(np.float64))


def average_precision(labels: Array, scores: Array) -> float:
    """The mean over positives of the precision at their score; at least one label is 1."""
    found = Thresholds.of(labels, scores)
    through = np.cumsum(found.hits)
    return float((found.hits * through / found.through).sum() / through[-1])


def roc_auc(labels: Array, scores: Array) -> float:
    """The share of pairs of a positive and a negative that the scores order rightly, ties as a half; both exist."""
    positive = labels == 1
    return float(wins(positive, scores)[positive].mean() / (~positive).sum())


def wins(positive: Array, scores: Array) -> Array:
    """(n,) comments of the other class that each comment is on the right side of; equal scores count 1/2."""
    found = np.empty(len(scores))
    for side in (True, False):
        others, own = np.sort(scores[positive != side]), scores[positive == side]
        below = (np.searchsorted(others, own, "left") + np.searchsorted(others, own, "right")) / 2
        found[positive == side] = below if side else len(others) - below
    return found
