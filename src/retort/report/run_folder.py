"""A finished run folder: figures, ratings, predictions and, where they were kept, texts."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from retort import runs
from retort.data.splits import labels
from retort.errors import DataError, ModelError
from retort.evaluation.metrics import Array
from retort.evaluation.predictions import read_predictions
from retort.report.comparison import Comparison

_NEEDED = ("attributes", "primary", "arms", "pairs", "label_threshold", "decision_threshold")


@dataclass(frozen=True)
class Judged:
    """Aligned: ids, labels (n,) of 0 and 1, raters' fractions (n,), and {arm: probabilities (n,)}."""

    ids: list[str]
    labels: Array
    fractions: Array
    scores: dict[str, Array]


@dataclass(frozen=True)
class Run:
    """`splits` is indexed by id; `predictions` are by arm, indexed by id; `texts` by id, or None with --no-texts."""

    folder: Path
    comparison: Comparison
    splits: pd.DataFrame
    predictions: dict[str, pd.DataFrame]
    texts: dict[str, str] | None

    def labels(self, frame: pd.DataFrame) -> Array:
        """(n,) float32 for rows of `splits`: 1 where the primary label is positive, 0 where not, NaN where unrated."""
        threshold = self.comparison.content["label_threshold"]
        return np.asarray(labels(frame, (self.comparison.primary,), threshold)[:, 0])

    def judged(self) -> Judged:
        """Labels and every arm's probabilities on the test comments that are rated for the primary label."""
        name = self.comparison.primary
        test = self.splits[self.splits["split"] == "test"]
        rated = test[test[name].notna()]
        return Judged(
            [str(i) for i in rated.index],
            self.labels(rated).astype(np.int64),
            rated[name].to_numpy(np.float32),
            {arm: frame.loc[rated.index, name].to_numpy(np.float32) for arm, frame in self.predictions.items()},
        )


def read_run(folder: Path) -> Run:
    """Reads what a report needs. Raises ModelError or DataError naming the file that is missing or unfit."""
    content = runs.read_comparison(folder)
    missing = [key for key in _NEEDED if key not in content]
    if missing:
        raise ModelError(f"{folder / runs.COMPARISON}: no {', '.join(missing)}; run the comparison again")
    splits = _read_table(folder / runs.SPLITS).set_index("id")
    tests = splits.index[splits["split"] == "test"]
    predictions = {arm: _predictions(folder / arm / runs.PREDICTIONS, tests) for arm in content["arms"]}
    return Run(
        folder, Comparison(content, folder / runs.COMPARISON), splits, predictions, _texts(folder / runs.COMMENTS)
    )


def _predictions(path: Path, tests: pd.Index) -> pd.DataFrame:
    frame = read_predictions(path).set_index("id")
    if not frame.index.is_unique or not tests.isin(frame.index).all():
        raise ModelError(f"{path}: does not have each test comment once; evaluate the arm again")
    return frame


def _texts(path: Path) -> dict[str, str] | None:
    if not path.is_file():
        return None
    comments = _read_table(path)
    return dict(zip(comments["id"].astype(str), comments["text"].astype(str), strict=True))


def _read_table(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); a finished run folder has it") from error
    return frame.assign(id=frame["id"].astype(str))
