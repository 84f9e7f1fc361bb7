"""An arm's predictions on disk: a new metric needs no training."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from retort.errors import ModelError
from retort.evaluation.metrics import Array

_UNCALIBRATED = "__uncalibrated"


def write_predictions(
    path: Path,
    ids: Sequence[str],
    split: Sequence[str],
    probabilities: Array,
    attributes: Sequence[str],
    uncalibrated: Array | None = None,
) -> None:
    """One row per comment: id, split, one float32 probability column per attribute, as `predict` gives it.

    probabilities: (n, n_attributes) in [0, 1]. uncalibrated: in the same shape, the model's own before its calibration;
    an attribute where they differ gets a column ATTRIBUTE__uncalibrated. Raises ValueError for another shape or a value
    outside [0, 1].
    """
    final = _checked(path, probabilities, len(ids), len(attributes))
    own = final if uncalibrated is None else _checked(path, uncalibrated, len(ids), len(attributes))
    if len(split) != len(ids):
        raise ValueError(f"{path.name}: {len(split)} splits for {len(ids)} ids")
    frame = pd.DataFrame({"id": [str(i) for i in ids], "split": list(split)})
    for column, attribute in enumerate(attributes):
        frame[attribute] = final[:, column]
    for column, attribute in enumerate(attributes):
        if not np.array_equal(own[:, column], final[:, column]):
            frame[attribute + _UNCALIBRATED] = own[:, column]
    frame.to_parquet(path, index=False)


def _checked(path: Path, probabilities: Array, rows: int, attributes: int) -> Array:
    values = np.asarray(probabilities, np.float32)
    if values.shape != (rows, attributes):
        raise ValueError(
            f"{path.name}: probabilities {values.shape} for {rows} ids and {attributes} attributes; "
            "give (n, n_attributes)"
        )
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"{path.name}: probabilities outside [0, 1] or not finite; check the model that made them")
    return values


def uncalibrated(predictions: pd.DataFrame, attribute: str) -> Array:
    """The model's own probabilities of one attribute, (n,), before calibration; the final ones where it has none."""
    own = attribute + _UNCALIBRATED
    values: Array = predictions[own if own in predictions else attribute].to_numpy()
    return values


def as_saved(probabilities: Array) -> Array:
    """The probabilities as read back from disk: rounded to float32, where different ones can become equal."""
    rounded: Array = np.asarray(probabilities, np.float32).astype(np.float64)
    return rounded


def read_predictions(path: Path) -> pd.DataFrame:
    """The columns id, split and one probability per attribute. Raises ModelError when it cannot be read."""
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:  # pyarrow's ArrowInvalid is a ValueError
        raise ModelError(f"{path}: predictions cannot be read ({error}); evaluate the arm again") from error
    missing = {"id", "split"} - set(frame.columns)
    if missing:
        raise ModelError(f"{path}: predictions without {sorted(missing)}; evaluate the arm again")
    return frame
