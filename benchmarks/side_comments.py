"""The comments that both sides of a benchmark read: real ones where they are named, else the embedded sample."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from retort import runs
from retort.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

# Names the folder of real comments; without it the embedded sample is read.
REAL_DATA = "RETORT_REAL_DATA"
PRIMARY = "toxicity"


@dataclass(frozen=True)
class Source:
    """A file of labelled comments, and what it is in words."""

    path: Path
    origin: str

    def frame(self) -> "pd.DataFrame":
        """Its usable comments: id, text and a column of ratings per attribute."""
        frame: pd.DataFrame = self.comments().frame
        return frame

    def comments(self) -> Any:
        """As retort itself reads it."""
        from retort.config import ColumnNames
        from retort.data.sources import read_file

        return read_file(self.path, ColumnNames(), source=self.path.name)


def source() -> Source:
    """The real comments when RETORT_REAL_DATA names their folder, else the embedded sample.

    Raises DataError for a folder without them: nobody is to take the sample for real comments.
    """
    named = os.environ.get(REAL_DATA)
    if not named:
        sample = resources.files("retort.data").joinpath("sample", "comments.csv")
        return Source(Path(str(sample)), f"comments of the embedded sample ({REAL_DATA} names no real ones)")
    path = Path(named) / "civil_comments" / "train.csv"
    if not path.is_file():
        raise DataError(f"{REAL_DATA}={named}: no civil_comments/train.csv in it; name the folder that has it, or none")
    return Source(path, "real comments (civil_comments/train.csv)")


def drawn_texts(count: int, seed: int, *, where: Source | None = None) -> list[str]:
    """`count` comments in an order drawn from the seed; from the first again where there are not so many."""
    texts = (where or source()).frame()["text"].tolist()
    order = np.random.default_rng(seed).permutation(len(texts))
    return [texts[order[place % len(texts)]] for place in range(count)]


@dataclass(frozen=True)
class Parts:
    """Three files (id, text, toxicity) that both sides learn from and are judged on; rows: of each."""

    train: Path
    validation: Path
    test: Path
    rows: dict[str, int]
    label_threshold: float
    origin: str

    def __str__(self) -> str:
        counts = ", ".join(f"{count:,} {name}" for name, count in self.rows.items())
        return f"{self.origin}: {counts}"


def write_parts(folder: Path, count: int, seed: int) -> Parts:
    """Draws `count` comments (all, where there are fewer) and writes train, validation and test, 70, 15 and 15 %."""
    from retort.config import DataSettings
    from retort.data.splits import make_splits
    from retort.inference.predictor import default_setting

    where = source()
    comments = where.comments()
    there = len(comments.frame)
    threshold = default_setting("label_threshold")
    splits = make_splits(comments, DataSettings(comments=count if count < there else None), seed, threshold)
    folder.mkdir(parents=True, exist_ok=True)
    rows, paths = {}, {}
    for name in runs.SPLIT_NAMES:
        part = splits.part(name)
        rows[name], paths[name] = len(part), folder / f"{name}.csv"
        part[["id", "text", PRIMARY]].to_csv(paths[name], index=False)
    origin = where.origin if there >= count else f"{where.origin}, all {there:,}, for {count:,} are not there"
    return Parts(paths["train"], paths["validation"], paths["test"], rows, threshold, origin)


def write_texts(path: Path, texts: Sequence[str]) -> Path:
    """A CSV with the one column `text`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text"])
        writer.writerows([text] for text in texts)
    return path
