"""Does an export still say what its model says? The figures, and the gate that they must pass."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from retort.evaluation.metrics import measure
from retort.inference.reading import Probabilities

LARGEST_DIFFERENCE = 1e-4
MOST_LOST = 0.005
_FLIPPED_SHARE, _FLIPPED_ROWS = 0.01, 2
# Fewer rows than this can hide a loss that matters.
FEW_ROWS = 500


@dataclass(frozen=True)
class Parity:
    """An export beside its model on the same rows.

    largest_difference: between two probabilities of one attribute. flipped: verdicts of the primary attribute
    that changed, most_flipped: how many may. average_precision: attribute -> the model's and the export's, None
    where these rows hold no positive. The first attribute is the primary one, and the one that is gated.
    """

    rows: int
    origin: str
    largest_difference: float
    flipped: int
    most_flipped: int
    average_precision: dict[str, tuple[float | None, float | None]]

    @property
    def lost(self) -> float | None:
        """The primary attribute's average precision that was lost; negative when it grew."""
        before, after = next(iter(self.average_precision.values()))
        return None if before is None or after is None else before - after

    @property
    def is_weak(self) -> bool:
        """Whether the rows are so few that passing says little."""
        return self.rows < FEW_ROWS

    def complaint(self, *, int8: bool) -> str | None:
        """Why the export must not be used, in words; None when the gate is passed."""
        # Written so that NaN does not pass.
        if not int8:
            if self.largest_difference <= LARGEST_DIFFERENCE:
                return None
            return f"differs by up to {self.largest_difference:.2g} in probability (at most {LARGEST_DIFFERENCE:g})"
        if self.lost is not None and not self.lost <= MOST_LOST:
            return f"loses {self.lost:.4f} of average precision (at most {MOST_LOST:g})"
        if self.flipped > self.most_flipped:
            return f"flips {self.flipped} of {self.rows:,} verdicts (at most {self.most_flipped})"
        return None if np.isfinite(self.largest_difference) else "gives probabilities that are not numbers"

    def as_json(self) -> dict[str, Any]:
        """The figures for programs; one that could not be computed is null, with a `why`."""
        missing = {"why": f"none of the {self.rows:,} rows is positive"}
        return {
            "rows": self.rows,
            "origin": self.origin,
            "largest_difference": self.largest_difference,
            "flipped": self.flipped,
            "most_flipped": self.most_flipped,
            "average_precision": {
                name: {"before": before, "after": after} | (missing if before is None else {})
                for name, (before, after) in self.average_precision.items()
            },
            "weak": self.is_weak,
        }


def parity(
    before: Probabilities,
    after: Probabilities,
    labels: npt.NDArray[np.float32],
    attributes: Sequence[str],
    threshold: float,
    origin: str,
) -> Parity:
    """What the export changed. before, after, labels: (n, n_attributes); `threshold` is the primary one's."""
    average_precision = {
        name: (
            measure(labels[:, column], before[:, column], threshold)["average_precision"],
            measure(labels[:, column], after[:, column], threshold)["average_precision"],
        )
        for column, name in enumerate(attributes)
    }
    rows = len(before)
    return Parity(
        rows,
        origin,
        float(np.abs(before - after).max()),
        int(np.count_nonzero((before[:, 0] >= threshold) != (after[:, 0] >= threshold))),
        max(int(_FLIPPED_SHARE * rows), _FLIPPED_ROWS),
        average_precision,
    )
