"""How far an export differs from its model on the same comments, label by label, and the gate that it must pass.

fp32: no probability may differ by more than `LARGEST_DIFFERENCE`. int8: of each label 1 % of the verdicts may flip, or
two, and the primary label may lose `MOST_LOST` of its average precision. The other labels are rarer: with n positive
rows, an exchange of the two highest ranks alone can cost 1 / (2 n), so they may lose that where it is more. Below
`FEW_POSITIVES` their average precision is too uncertain to be gated; instead their probabilities may differ by
`LARGEST_RARE_DIFFERENCE` at most.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from retort.evaluation.metrics import measure
from retort.inference.reading import Probabilities

LARGEST_DIFFERENCE = 1e-4
MOST_LOST = 0.005
FEW_POSITIVES = 10
LARGEST_RARE_DIFFERENCE = 0.1
_FLIPPED_SHARE, _FLIPPED_ROWS = 0.01, 2
# Fewer rows than this can hide a loss that matters.
FEW_ROWS = 500


@dataclass(frozen=True)
class LabelParity:
    """One label of an export compared with its model.

    positives: rows whose label is 1. before, after: the model's and the export's average precision, None without
    positive rows. most_lost: how much of it int8 may lose, None where it is not gated. flipped: verdicts at the label's
    threshold that changed. largest_difference: between two probabilities.
    """

    positives: int
    before: float | None
    after: float | None
    most_lost: float | None
    flipped: int
    largest_difference: float

    def complaint(self, name: str, rows: int, most_flipped: int) -> str | None:
        """Why int8 misses the gate, None when it passes. Each comparison is written so that NaN does not pass."""
        limit = LARGEST_RARE_DIFFERENCE if self.most_lost is None else 1.0
        if not self.largest_difference <= limit:
            return _differs(name, self.largest_difference, limit)
        if self.most_lost is not None and self.before is not None and self.after is not None:
            lost = self.before - self.after
            if not lost <= self.most_lost:
                return f"loses {lost:.4f} of the average precision of {name} (at most {self.most_lost:.2g})"
        if self.flipped > most_flipped:
            return f"flips {self.flipped} of {rows:,} verdicts on {name} (at most {most_flipped})"
        return None

    def as_json(self) -> dict[str, Any]:
        """The figures of the gate for programs; `most_lost` is null where average precision is not gated."""
        return {
            "positives": self.positives,
            "most_lost": self.most_lost,
            "flipped": self.flipped,
            "largest_difference": self.largest_difference,
        }


@dataclass(frozen=True)
class Parity:
    """An export compared with its model on the same rows.

    origin: what the rows are, in words. primary: the label that decides the verdict. most_flipped: how many verdicts of
    one label may change in int8. labels: label -> its figures, in the model's order.
    """

    rows: int
    origin: str
    primary: str
    most_flipped: int
    labels: dict[str, LabelParity]

    @property
    def largest_difference(self) -> float:
        """Between two probabilities of any label; NaN when one of them is."""
        return float(np.max([label.largest_difference for label in self.labels.values()]))

    @property
    def not_gated(self) -> tuple[str, ...]:
        """The labels whose average precision is not gated in int8."""
        return tuple(name for name, label in self.labels.items() if label.most_lost is None)

    @property
    def is_weak(self) -> bool:
        """Whether there are too few rows for a reliable check."""
        return self.rows < FEW_ROWS

    def complaint(self, *, int8: bool) -> str | None:
        """Why the export must not be used, by the first label that misses the gate; None when all pass."""
        for name, label in self.labels.items():
            if int8:
                complaint = label.complaint(name, self.rows, self.most_flipped)
            elif not label.largest_difference <= LARGEST_DIFFERENCE:
                complaint = _differs(name, label.largest_difference, LARGEST_DIFFERENCE)
            else:
                complaint = None
            if complaint is not None:
                return complaint
        return None

    def as_json(self) -> dict[str, Any]:
        """The figures for programs; one that could not be computed is null, with a `why`.

        `flipped` counts the verdicts of the primary label; `labels` has the count for each.
        """
        missing = {"why": f"none of the {self.rows:,} rows is positive"}
        return {
            "rows": self.rows,
            "origin": self.origin,
            "largest_difference": self.largest_difference,
            "flipped": self.labels[self.primary].flipped,
            "most_flipped": self.most_flipped,
            "average_precision": {
                name: {"before": label.before, "after": label.after} | (missing if label.before is None else {})
                for name, label in self.labels.items()
            },
            "labels": {name: label.as_json() for name, label in self.labels.items()},
            "weak": self.is_weak,
        }


def parity(
    before: Probabilities,
    after: Probabilities,
    labels: npt.NDArray[np.float32],
    thresholds: Mapping[str, float],
    primary: str,
    origin: str,
) -> Parity:
    """Compares an export with its model.

    before, after: probabilities of the model and of the export; labels: 1, 0, or NaN where unrated; all of shape
    (n, n_attributes). thresholds: label -> its decision threshold, in the order of the columns. origin: what the rows
    are, in words.
    """
    rows = len(before)
    figures = {
        name: _label_parity(before[:, column], after[:, column], labels[:, column], threshold, name == primary)
        for column, (name, threshold) in enumerate(thresholds.items())
    }
    return Parity(rows, origin, primary, max(int(_FLIPPED_SHARE * rows), _FLIPPED_ROWS), figures)


def _label_parity(
    before: Probabilities, after: Probabilities, labels: npt.NDArray[np.float32], threshold: float, is_primary: bool
) -> LabelParity:
    """The figures of one label; all arrays (n,)."""
    positives = int(np.count_nonzero(labels == 1))
    return LabelParity(
        positives,
        _average_precision(labels, before, threshold),
        _average_precision(labels, after, threshold),
        MOST_LOST if is_primary else _most_lost(positives),
        int(np.count_nonzero((before >= threshold) != (after >= threshold))),
        float(np.abs(before - after).max()),
    )


def _most_lost(positives: int) -> float | None:
    return None if positives < FEW_POSITIVES else max(MOST_LOST, 1 / (2 * positives))


def _average_precision(labels: npt.NDArray[np.float32], probabilities: Probabilities, threshold: float) -> float | None:
    """None without a positive row, and for probabilities that are not finite, which the gate refuses. Arrays: (n,)."""
    if not np.isfinite(probabilities).all():
        return None
    return measure(labels, probabilities, threshold)["average_precision"]


def _differs(name: str, difference: float, limit: float) -> str:
    return f"differs by up to {difference:.2g} in the probability of {name} (at most {limit:g})"
