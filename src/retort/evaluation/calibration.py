"""A model's probabilities calibrated: of the comments that get 0.3, three in ten should be positive.

One rising map for each label, fitted on validation (calibration_fit.py) and recorded in retort.json. It is applied
right after the model, so that all that people and programs see is calibrated. Needs numpy only. Rankings do not change.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from retort.evaluation.curve import Array, Curve
from retort.evaluation.probability import logit, sigmoid

Method = Literal["none", "temperature", "platt", "isotonic"]


@dataclass(frozen=True)
class LogitLine:
    """sigmoid(scale * logit + shift): temperature scaling (scale 1 / temperature, shift 0) and Platt scaling.

    Guo et al. 2017, arXiv:1706.04599, equation 9, for one sigmoid; Platt 1999, "Probabilistic Outputs for Support
    Vector Machines". scale > 0.
    """

    scale: float
    shift: float

    def __call__(self, probabilities: Array) -> Array:
        """Calibrated probabilities, in the shape of the given ones; 0 and 1 stay what they are."""
        return sigmoid(self.scale * logit(probabilities) + self.shift)


# What one label's probabilities go through; None leaves them as they are.
Map = LogitLine | Curve | None


def as_record(method: Method, found: Map) -> dict[str, Any]:
    """The method and its parameters, as retort.json records them."""
    if isinstance(found, Curve):
        return {"method": method, **found.as_json()}
    if found is None:
        return {"method": method}
    if method == "temperature":
        return {"method": method, "temperature": 1 / found.scale}
    return {"method": method, "scale": found.scale, "shift": found.shift}


def read_map(record: Mapping[str, Any]) -> Map:
    """The map of a label's record in retort.json.

    Raises KeyError, TypeError, ValueError or ZeroDivisionError for a record that retort did not write.
    """
    match record["method"]:
        case "none":
            return None
        case "isotonic":
            return Curve.of(record)
        case "temperature":
            return _line(1 / float(record["temperature"]), 0.0)
        case "platt":
            return _line(float(record["scale"]), float(record["shift"]))
        case unknown:
            raise ValueError(f"method {unknown!r}")


def _line(scale: float, shift: float) -> LogitLine:
    if not (0 < scale < np.inf and np.isfinite(shift)):
        raise ValueError(f"scale {scale} and shift {shift}")
    return LogitLine(scale, shift)


@dataclass(frozen=True)
class Calibration:
    """The maps of a model's labels, in the order of its columns; none at all where nothing is calibrated."""

    maps: tuple[Map, ...] = ()

    @classmethod
    def of(cls, about: Mapping[str, Any], labels: Sequence[str]) -> "Calibration":
        """That of a retort.json; of one that records none it changes nothing. Raises as `read_map` does."""
        records = about.get("calibration") or {}
        return cls(tuple(read_map(record) if (record := records.get(name)) else None for name in labels))

    def __call__(self, probabilities: Array) -> Array:
        """(n, n_labels), calibrated."""
        if not any(self.maps):
            return probabilities
        columns = zip(self.maps, probabilities.T, strict=True)
        return np.stack([column if found is None else found(column) for found, column in columns], axis=1)
