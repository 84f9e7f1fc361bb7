"""The comments that both sides of a benchmark read: real ones where available, else the embedded sample."""

import csv
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from retort import runs
from retort.config import DataSettings
from retort.errors import DataError
from retort.tasks import default_task

# Imported within functions: scoring/memory.py measures a process without pandas.
if TYPE_CHECKING:
    from retort.data.comments import Comments

# Names the folder of real comments.
REAL_DATA = "RETORT_REAL_DATA"
TASK = default_task()
LABEL = TASK.primary


@dataclass(frozen=True)
class Source:
    """A file of labelled comments; `origin` describes it in words."""

    path: Path
    origin: str

    def comments(self) -> "Comments":
        """Its usable comments, as retort reads them."""
        from retort.data.sources import read_file

        return read_file(self.path, TASK, {}, source=self.path.name)

    def described(self, count: int) -> str:
        """The comments and how many of them are read."""
        return f"{self.origin}: {count:,}"


def source() -> Source:
    """The real comments when RETORT_REAL_DATA names their folder, else the embedded sample.

    Raises DataError for a folder without them, so that the sample is never mistaken for real comments.
    """
    named = os.environ.get(REAL_DATA)
    if not named:
        sample = resources.files("retort.data").joinpath("sample", "comments.csv")
        return Source(Path(str(sample)), f"comments of the embedded sample ({REAL_DATA} names no real ones)")
    path = Path(named) / "civil_comments" / "train.csv"
    if not path.is_file():
        raise DataError(f"{REAL_DATA}={named}: no civil_comments/train.csv in it; name the folder that has it, or none")
    return Source(path, "real comments (civil_comments/train.csv)")


def sample_texts() -> list[str]:
    """The 1,000 comments of the embedded sample, of 21 to 853 characters."""
    with resources.files("retort.data").joinpath("sample", "comments.csv").open(encoding="utf-8") as file:
        return [row["text"] for row in csv.DictReader(file)]


def drawn_texts(count: int, seed: int, *, where: Source | None = None) -> list[str]:
    """`count` comments in random order, repeated from the first where there are fewer."""
    texts = (where or source()).comments().frame["text"].tolist()
    order = np.random.default_rng(seed).permutation(len(texts))
    return [texts[order[place % len(texts)]] for place in range(count)]


@dataclass(frozen=True)
class Parts:
    """Three files (id, text, label) for both sides, with their numbers of rows."""

    train: Path
    validation: Path
    test: Path
    rows: dict[str, int]
    origin: str

    def __str__(self) -> str:
        counts = ", ".join(f"{count:,} {name}" for name, count in self.rows.items())
        return f"{self.origin}: {counts}"


def write_parts(folder: Path, count: int, seed: int) -> Parts:
    """Draws `count` comments, or all where there are fewer, and writes train, validation and test (70, 15, 15 %)."""
    from retort.data.splits import make_splits

    where = source()
    comments = where.comments()
    available = len(comments.frame)
    settings = DataSettings(comments=count if count < available else None)
    splits = make_splits(comments, settings, TASK, seed, TASK.label_threshold)
    folder.mkdir(parents=True, exist_ok=True)
    paths = {name: folder / f"{name}.csv" for name in runs.SPLIT_NAMES}
    for name, path in paths.items():
        splits.part(name)[["id", "text", LABEL]].to_csv(path, index=False)
    rows = {name: len(splits.part(name)) for name in paths}
    origin = where.origin if available >= count else f"{where.origin}, all {available:,} (fewer than {count:,})"
    return Parts(**paths, rows=rows, origin=origin)


def write_texts(path: Path, texts: Sequence[str]) -> Path:
    """A CSV with the single column `text`."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["text"], *([text] for text in texts)])
    return path


def write_labelled(path: Path, texts: Sequence[str], ratings: Sequence[float]) -> Path:
    """A CSV with the columns id, text and the label."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = zip(range(len(texts)), texts, map(float, ratings), strict=True)
        csv.writer(file).writerows([["id", "text", LABEL], *rows])
    return path
