"""A strictly rising curve through knots: how scores are mapped without a change of their order. Needs numpy only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Curve:
    """A strictly rising map of [0, 1] into itself, linear between its knots.

    scores: the model's probabilities, (n_knots,), rising from 0 to 1. calibrated: what they map to, (n_knots,), rising.
    """

    scores: Array
    calibrated: Array

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "Curve":
        """From the two lists of `as_json`. Raises KeyError, TypeError or ValueError for anything else."""
        scores, calibrated = (np.asarray(content[key], np.float64) for key in ("scores", "calibrated"))
        if scores.ndim != 1 or scores.shape != calibrated.shape or len(scores) < 2:
            raise ValueError(f"knots of shapes {scores.shape} and {calibrated.shape}")
        within = ((calibrated >= 0) & (calibrated <= 1)).all()  # false for NaN
        rising = (np.diff(scores) > 0).all() and (np.diff(calibrated) > 0).all()
        if (scores[0], scores[-1]) != (0, 1) or not rising or not within:
            raise ValueError("knots that do not rise from 0 to 1")
        return cls(scores, calibrated)

    def __call__(self, probabilities: Array) -> Array:
        """Mapped probabilities, in the shape of the given ones."""
        return np.interp(probabilities, self.scores, self.calibrated)

    def as_json(self) -> dict[str, Any]:
        """The knots as two lists."""
        return {"scores": self.scores.tolist(), "calibrated": self.calibrated.tolist()}
