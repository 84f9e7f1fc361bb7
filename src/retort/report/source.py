"""A finished run folder, read: figures, labels, predictions and (where they were kept) texts."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from retort import runs
from retort.data.splits import labels
from retort.errors import DataError, ModelError
from retort.evaluation.metrics import Array
from retort.evaluation.predictions import read_predictions
from retort.report.tables import BASELINES

_NEEDED = ("attributes", "primary", "arms", "pairs", "label_threshold", "decision_threshold")


@dataclass(frozen=True)
class Run:
    """`comparison` as in comparison.json; `splits` indexed by id; `texts` by id, or None with --no-texts."""

    folder: Path
    comparison: dict[str, Any]
    splits: pd.DataFrame
    predictions: dict[str, pd.DataFrame]
    texts: dict[str, str] | None

    @property
    def primary(self) -> str:
        return str(self.comparison["primary"])

    @property
    def arms(self) -> dict[str, dict[str, Any]]:
        return dict(self.comparison["arms"])

    def of_kind(self, *kinds: str) -> list[str]:
        """The arms of the given kinds, in the order of the comparison."""
        return [arm for arm, facts in self.arms.items() if facts.get("kind") in kinds]

    @cached_property
    def learned(self) -> list[str]:
        """The arms that are neural models."""
        return [arm for arm, facts in self.arms.items() if facts.get("kind") not in BASELINES]

    def threshold(self, attribute: str) -> float:
        """The probability at or above which a verdict is positive."""
        return decision_threshold(self.comparison, attribute)

    def test(self, attribute: str) -> "Judged":
        """Labels and every arm's probabilities on the test comments that are rated for `attribute`."""
        test = self.splits[self.splits["split"] == "test"]
        rated = test[test[attribute].notna()]
        positive = labels(rated, (attribute,), self.comparison["label_threshold"])[:, 0].astype(np.int64)
        fractions = rated[attribute].to_numpy(np.float32)
        scores = {
            arm: frame.loc[rated.index, attribute].to_numpy(np.float32) for arm, frame in self.predictions.items()
        }
        return Judged([str(i) for i in rated.index], positive, fractions, scores)


@dataclass(frozen=True)
class Judged:
    """Aligned: ids, labels (n,) 0 and 1, rater fractions (n,), and {arm: probabilities (n,)}."""

    ids: list[str]
    labels: Array
    fractions: Array
    scores: dict[str, Array]


def decision_threshold(comparison: Any, attribute: str) -> float:
    """One for all attributes, or one each."""
    threshold = comparison["decision_threshold"]
    return float(threshold[attribute] if isinstance(threshold, dict) else threshold)


def read_run(folder: Path) -> Run:
    """Reads what a report needs. Raises ModelError or DataError naming the file that is missing or unfit."""
    comparison = runs.read_json(folder / runs.COMPARISON, "a finished run folder has one")
    missing = [key for key in _NEEDED if key not in comparison]
    if missing:
        raise ModelError(f"{folder / runs.COMPARISON}: without {', '.join(missing)}; run the comparison again")
    splits = _read_table(folder / runs.SPLITS).set_index("id")
    predictions = {}
    for arm in comparison["arms"]:
        path = folder / arm / runs.PREDICTIONS
        frame = read_predictions(path).set_index("id")
        if not frame.index.is_unique or not splits.index[splits["split"] == "test"].isin(frame.index).all():
            raise ModelError(f"{path}: does not hold each test comment once; evaluate the arm again")
        predictions[arm] = frame
    texts = None
    if (folder / runs.COMMENTS).is_file():
        comments = _read_table(folder / runs.COMMENTS)
        texts = dict(zip(comments["id"].astype(str), comments["text"].astype(str), strict=True))
    return Run(folder, comparison, splits, predictions, texts)


def _read_table(path: Path) -> pd.DataFrame:
    try:
        frame = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read ({error}); a finished run folder has it") from error
    return frame.assign(id=frame["id"].astype(str))
