"""The comments that an export needs: labelled ones to check it on, and others to calibrate int8 with."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from retort import runs
from retort.data.run_comments import keeps_texts, run_above, split_with_texts
from retort.data.sources import read_file
from retort.data.splits import labels
from retort.errors import ConfigError, DataError
from retort.export.source import Source

# More rows would take hours with a large model, and would change the figures by a fraction of the gate's limits.
MOST_CHECKED = 5_000
# Enough comments to show which channels of a model are large.
MOST_CALIBRATED = 64
# Without training rows, at most one in this many rows is used for calibration.
_CALIBRATED_SHARE = 4


@dataclass(frozen=True)
class ParityRows:
    """Comments to compare an export with its model on.

    texts: n. labels: (n, n_attributes), 1, 0, or NaN where unrated. origin: where they come from, in words.
    """

    texts: list[str]
    labels: npt.NDArray[np.float32]
    origin: str


@dataclass(frozen=True)
class CalibrationTexts:
    """Comments that int8 is calibrated with, none of them among the checked rows. origin: as in `ParityRows`."""

    texts: list[str]
    origin: str


def read_rows(
    folder: Path, source: Source, data: Path | None, columns: Mapping[str, str], *, int8: bool
) -> tuple[ParityRows, CalibrationTexts | None]:
    """What to check on: the comments of `data`, or the validation rows of the run that contains the model folder.

    For int8 also what to calibrate with: the run's training rows, or the first rows of `data` where there is no run
    with texts. Raises ConfigError when neither a run nor `data` has comments, DataError when `data` cannot be used,
    ModelError when the model was trained for another task than the run's.
    """
    run = run_above(folder)
    if run is not None:
        runs.require_task_of_run(folder, run)
    frame = _validation_rows(folder, run) if data is None else read_file(data, source.task, columns).frame
    origin = "validation rows of the run" if data is None else f"comments of {data.name}"
    calibration = None
    if int8:
        frame, calibration = _with_calibration(frame, origin, run)
    frame = frame.iloc[_evenly(len(frame), MOST_CHECKED)]
    threshold = float(source.about["label_threshold"])
    checked = ParityRows(frame["text"].tolist(), labels(frame, source.attributes, threshold), origin)
    return checked, calibration


def _with_calibration(frame: pd.DataFrame, origin: str, run: Path | None) -> tuple[pd.DataFrame, CalibrationTexts]:
    """The rows that remain to be checked, and texts that are not among them."""
    checked = set(frame["text"])
    training = [text for text in _texts_of(run, "train") if text not in checked]
    if training:
        chosen = [training[place] for place in _evenly(len(training), MOST_CALIBRATED)]
        return frame, CalibrationTexts(chosen, "training rows of the run")
    first = set(frame["text"].iloc[: min(MOST_CALIBRATED, len(frame) // _CALIBRATED_SHARE)])
    if not first:
        raise DataError(
            f"{origin}: only {len(frame)}; int8 needs at least {_CALIBRATED_SHARE}, some of them to calibrate it"
        )
    return frame[~frame["text"].isin(first)], CalibrationTexts(list(first), f"first {origin}")


def _validation_rows(folder: Path, run: Path | None) -> pd.DataFrame:
    if run is None:
        raise ConfigError(f"{folder}: is in no run, so there are no comments to check it on; name some with --data")
    if not keeps_texts(run):
        raise ConfigError(f"{run}: keeps no texts (--no-texts); name labelled comments with --data")
    frame = split_with_texts(run, "validation")
    if frame.empty:
        raise ConfigError(f"{run}: without validation rows; name labelled comments with --data")
    return frame


def _texts_of(run: Path | None, split: str) -> list[str]:
    """The texts of a split, none where the run keeps no texts."""
    if run is None or not keeps_texts(run):
        return []
    return split_with_texts(run, split)["text"].tolist()


def _evenly(count: int, most: int) -> npt.NDArray[np.int64]:
    """All of `count` places, or `most` of them, evenly spaced."""
    return np.linspace(0, count - 1, min(count, most)).round().astype(np.int64)
