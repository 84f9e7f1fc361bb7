"""The labelled comments that an export is held against its model on."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from retort import runs
from retort.config import ColumnNames
from retort.data.sources import read_file
from retort.data.splits import labels
from retort.errors import ConfigError
from retort.export.source import Source

# More would take hours with a large model, and tell no more: a gate's figures are known to a fraction of its limits.
MOST = 5_000


@dataclass(frozen=True)
class Rows:
    """texts: n. labels: (n, n_attributes), 1, 0, or NaN where unrated. origin: what they are, in words."""

    texts: list[str]
    labels: npt.NDArray[np.float32]
    origin: str


def checking_rows(folder: Path, source: Source, data: Path | None, columns: ColumnNames) -> Rows:
    """The comments of `data`, else the validation rows of the run that the model folder stands in.

    Of more than `MOST`, so many at even distances. Raises ConfigError when there are none without `data`,
    DataError when `data` cannot be used.
    """
    frame, origin = _of_run(folder) if data is None else _of_file(data, columns)
    if len(frame) > MOST:
        frame = frame.iloc[np.linspace(0, len(frame) - 1, MOST).round().astype(int)]
    threshold = float(source.about["label_threshold"])
    return Rows(frame["text"].tolist(), labels(frame, source.attributes, threshold), origin)


def _of_file(data: Path, columns: ColumnNames) -> tuple[pd.DataFrame, str]:
    return read_file(data, columns).frame, f"comments of {data.name}"


def _of_run(folder: Path) -> tuple[pd.DataFrame, str]:
    run = next((parent for parent in folder.resolve().parents[:2] if (parent / runs.SPLITS).is_file()), None)
    if run is None:
        raise ConfigError(f"{folder}: stands in no run whose comments it could be checked on; name some with --data")
    if not (run / runs.COMMENTS).is_file():
        raise ConfigError(f"{run}: keeps no texts (--no-texts); name labelled comments with --data")
    splits = pd.read_parquet(run / runs.SPLITS)
    texts = pd.read_parquet(run / runs.COMMENTS)
    frame = splits[splits["split"] == "validation"].merge(texts, on="id", validate="one_to_one")
    if frame.empty:
        raise ConfigError(f"{run}: without validation rows; name labelled comments with --data")
    return frame, "validation rows of the run"
