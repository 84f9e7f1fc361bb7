"""The metrics of one label of one model, each with a reason where it does not exist.

Conventions where a quotient is 0/0:
- nothing predicted positive: precision does not exist; F1 is 0, because 2tp / (2tp + fp + fn) is; MCC is 0,
  its limit (Chicco and Jurman 2020, doi:10.1186/s12864-019-6413-7);
- no positive label: recall, F1, average precision do not exist; one class only: nor do MCC and ROC-AUC.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from retort.evaluation.ranking import average_precision, roc_auc

Array = NDArray[Any]

METRICS = (
    "accuracy", "precision", "recall", "f1", "f1_at_half", "mcc", "roc_auc", "average_precision", "brier", "ece",
)  # fmt: skip

# Those that follow from the confusion matrix alone.
COUNTED = ("accuracy", "precision", "recall", "f1", "mcc")

_NEED_POSITIVES = ("recall", "f1", "f1_at_half", "mcc", "roc_auc", "average_precision")

# The threshold of f1_at_half, whatever threshold is in use.
HALF = 0.5

ECE_BINS = 15


def measure(
    labels: Array, probabilities: Array, threshold: float, metrics: Sequence[str] = METRICS
) -> dict[str, float | None]:
    """Metrics of one label, each of `METRICS` unless some are named; None where `why_missing` gives the reason.

    labels: (n,) of 0 and 1; rows whose label is NaN are left out. probabilities: (n,) in [0, 1].
    A probability at or above `threshold` is a positive verdict. Raises ValueError for unequal lengths
    or values that are not finite.
    """
    labels, probabilities = rated(labels, probabilities)
    missing = why_missing(labels, probabilities, threshold)
    verdicts = probabilities >= threshold
    positive = labels == 1

    def of_verdicts(metric: str, verdict: Array) -> float:
        return float(counted(metric, np.bincount(2 * positive + verdict, minlength=4)))

    compute: dict[str, Callable[[], Any]] = {
        **{name: partial(of_verdicts, name, verdicts) for name in COUNTED},
        "f1_at_half": lambda: of_verdicts("f1", probabilities >= HALF),
        "roc_auc": lambda: roc_auc(labels, probabilities),
        "average_precision": lambda: average_precision(labels, probabilities),
        "brier": lambda: np.mean((probabilities.astype(np.float64) - labels) ** 2),
        "ece": lambda: expected_calibration_error(labels, probabilities),
    }
    return {name: None if name in missing else float(compute[name]()) for name in metrics}


def why_missing(labels: Array, probabilities: Array, threshold: float) -> dict[str, str]:
    """The metrics that cannot be computed on these rows, each with its reason. Same arguments as `measure`."""
    labels, probabilities = rated(labels, probabilities)
    if not len(labels):
        return dict.fromkeys(METRICS, "no comment is rated for this attribute")
    missing: dict[str, str] = {}
    if labels.all():
        missing |= dict.fromkeys(("mcc", "roc_auc"), "every comment is positive")
    if not labels.any():
        missing |= dict.fromkeys(_NEED_POSITIVES, "no comment is positive")
    if not (probabilities >= threshold).any():
        missing["precision"] = f"no comment was given {threshold:g} or more"
    return missing


def counted(metric: str, cells: Array) -> Array:
    """Accuracy, precision, recall, F1 or MCC from confusion matrices; NaN where it does not exist.

    cells: (..., 4) counts: true negatives, false positives, false negatives, true positives. Returns (...).
    """
    tn, fp, fn, tp = np.moveaxis(np.asarray(cells, np.float64), -1, 0)
    if metric == "mcc":
        both = (tp + fn > 0) & (tn + fp > 0)
        spread = (tp + fn) * (tn + fp) * (tp + fp) * (tn + fn)
        return np.asarray(np.where(both, (tp * tn - fp * fn) / np.sqrt(np.where(spread > 0, spread, np.inf)), np.nan))
    above, below = quotient(metric, cells)
    exists = (below > 0) & (tp + fn > 0) if metric == "f1" else below > 0
    return np.asarray(np.divide(above, below, out=np.full(np.shape(above), np.nan), where=exists))


def quotient(metric: str, cells: Array) -> tuple[Array, Array]:
    """(dividend, divisor) of accuracy, precision, recall or F1; both are sums over comments. cells as for `counted`."""
    tn, fp, fn, tp = np.moveaxis(np.asarray(cells, np.float64), -1, 0)
    return {
        "accuracy": (tp + tn, tp + tn + fp + fn),
        "precision": (tp, tp + fp),
        "recall": (tp, tp + fn),
        "f1": (2 * tp, 2 * tp + fp + fn),
    }[metric]


def rated(labels: Array, probabilities: Array) -> tuple[Array, Array]:
    """Only the rated rows: labels as int64 (n_rated,), probabilities (n_rated,) unchanged.

    Raises ValueError for unequal lengths, labels other than 0, 1 and NaN, or probabilities not finite.
    """
    labels, probabilities = np.asarray(labels, np.float64), np.asarray(probabilities)
    if labels.shape != probabilities.shape or labels.ndim != 1:
        raise ValueError(f"labels {labels.shape} and probabilities {probabilities.shape}: give two of (n,)")
    kept = ~np.isnan(labels)
    labels, probabilities = labels[kept], probabilities[kept]
    if not ((labels == 0) | (labels == 1)).all():
        raise ValueError("labels other than 0, 1 and NaN; apply the label threshold first")
    if not np.isfinite(probabilities).all():
        raise ValueError("probabilities that are not finite; check the model that made them")
    return labels.astype(np.int64), probabilities


def expected_calibration_error(labels: Array, probabilities: Array) -> float:
    """The mean gap between predicted probability and observed share of positives, in [0, 1].

    15 bins of equal width over the probability of the positive class; in each the gap is
    |mean probability - share of positives|, weighted by its comments (Guo et al. 2017, arXiv:1706.04599,
    there for the confidence of the top class).
    """
    gaps = np.bincount(calibration_bins(probabilities), weights=probabilities.astype(np.float64) - labels)
    return float(np.abs(gaps).sum() / len(labels))


def calibration_bins(probabilities: Array, number: int = ECE_BINS) -> Array:
    """The bin of each probability, 0 to number - 1, all of equal width; 1.0 belongs to the last. Shape as given."""
    return np.minimum((probabilities.astype(np.float64) * number).astype(np.int64), number - 1)
