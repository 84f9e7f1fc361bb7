"""An arm's predictions on disk: a new metric needs no training."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from retort.errors import ModelError
from retort.evaluation.metrics import Array


def write_predictions(
    path: Path, ids: Sequence[str], split: Sequence[str], probabilities: Array, attributes: Sequence[str]
) -> None:
    """One row per comment: id, split, one float32 probability column per attribute.

    probabilities: (n, n_attributes) in [0, 1]. Raises ValueError for another shape or a value outside.
    """
    values = np.asarray(probabilities, np.float32)
    if values.shape != (len(ids), len(attributes)) or len(split) != len(ids):
        raise ValueError(
            f"{path.name}: probabilities {values.shape} for {len(ids)} ids, {len(split)} splits "
            f"and {len(attributes)} attributes; give (n, n_attributes)"
        )
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"{path.name}: probabilities outside [0, 1] or not finite; check the model that made them")
    frame = pd.DataFrame({"id": [str(i) for i in ids], "split": list(split)})
    for column, attribute in enumerate(attributes):
        frame[attribute] = values[:, column]
    frame.to_parquet(path, index=False)


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
