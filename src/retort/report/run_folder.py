"""A finished run folder: figures, ratings, predictions and, where they were kept, texts."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from retort import runs
from retort.data.splits import labels
from retort.errors import DataError, ModelError
from retort.evaluation.metrics import Array
from retort.evaluation.predictions import read_predictions, uncalibrated
from retort.report.comparison import Comparison

_NEEDED = ("attributes", "primary", "arms", "pairs", "label_threshold")


@dataclass(frozen=True)
class Judged:
    """Comments of one split with labels and predictions, aligned. S is the number of an arm's seeds.

    ids (n,); labels (n,) of 0 and 1; fractions (n,) of raters; scores {arm: probabilities (S, n)}, as `predict` gives
    them; uncalibrated {arm: the same before calibration}.
    """

    ids: list[str]
    labels: Array
    fractions: Array
    scores: dict[str, Array]
    uncalibrated: dict[str, Array]

    def first(self, arm: str) -> Array:
        """(n,) probabilities of the arm's first seed, whose model is in the run folder."""
        return np.asarray(self.scores[arm][0])


@dataclass(frozen=True)
class Run:
    """`splits` is indexed by id; `predictions` are by arm, one for each of its seeds, indexed by id; `texts` by id, or
    None with --no-texts."""

    folder: Path
    comparison: Comparison
    splits: pd.DataFrame
    predictions: dict[str, list[pd.DataFrame]]
    texts: dict[str, str] | None

    def labels(self, frame: pd.DataFrame, label: str | None = None) -> Array:
        """(n,) float32 for rows of `splits`: 1 where the label (the primary one) is positive, 0 where not, NaN where
        unrated."""
        threshold = self.comparison.content["label_threshold"]
        return np.asarray(labels(frame, (label or self.comparison.primary,), threshold)[:, 0])

    @property
    def test(self) -> pd.DataFrame:
        """The rows of `splits` that are test comments rated for the primary label."""
        rows = self.splits[self.splits["split"] == "test"]
        return rows[rows[self.comparison.primary].notna()]

    def judged(self) -> Judged:
        """Labels and every arm's probabilities on the test comments that are rated for the primary label."""
        name, rated = self.comparison.primary, self.test
        return Judged(
            [str(i) for i in rated.index],
            self.labels(rated).astype(np.int64),
            rated[name].to_numpy(np.float32),
            self._stacked(lambda frame: frame[name].to_numpy(), rated.index),
            self._stacked(lambda frame: uncalibrated(frame, name), rated.index),
        )

    def _stacked(self, column: Callable[[pd.DataFrame], Array], ids: pd.Index) -> dict[str, Array]:
        """{arm: (S, n)} of a column of the predictions, for the comments `ids`."""
        return {
            arm: np.stack([column(frame.loc[ids]) for frame in frames]).astype(np.float32, copy=False)
            for arm, frames in self.predictions.items()
        }


def read_run(folder: Path) -> Run:
    """Reads what a report needs. Raises ModelError or DataError naming the file that is missing or unfit."""
    content = runs.read_comparison(folder)
    missing = [key for key in _NEEDED if key not in content]
    if missing:
        raise ModelError(f"{folder / runs.COMPARISON}: no {', '.join(missing)}; run the comparison again")
    comparison = Comparison(content, folder / runs.COMPARISON)
    splits = _read_table(folder / runs.SPLITS).set_index("id")
    tests = splits.index[splits["split"] == "test"]
    predictions = {
        arm: [_predictions(path / runs.PREDICTIONS, tests) for path in _seed_folders(folder, comparison, arm)]
        for arm in comparison.arms
    }
    return Run(folder, comparison, splits, predictions, _texts(folder / runs.COMMENTS))


def _seed_folders(folder: Path, comparison: Comparison, arm: str) -> list[Path]:
    """The arm's folder of its first seed, then those of its further seeds."""
    return [folder / arm, *(folder / runs.SEEDS / str(seed) / arm for seed in comparison.seeds_of(arm)[1:])]


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
