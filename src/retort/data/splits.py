"""Draws comments with a seed and splits them into train, validation and test, no text in two of them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from retort.config import DataSettings
from retort.data.comments import Comments, unique
from retort.data.stratification import iterative_stratification
from retort.errors import ConfigError, DataError
from retort.runs import SPLIT_NAMES
from retort.tasks import Task
from retort.text import fold

# An attribute with fewer training rows than this on one side of its threshold cannot be learnt.
FEWEST_ROWS = 10


@dataclass(frozen=True)
class Splits:
    """Comments with their split.

    `frame` is as `Comments.frame`, with `text_sha256` (of the text's UTF-8 bytes) and `split`, one of
    `runs.SPLIT_NAMES`. `duplicates` counts the dropped rows by where the same text is kept. `attributes`
    are those that the training rows were rated for; `notes` are sentences for people.
    """

    frame: pd.DataFrame
    attributes: tuple[str, ...]
    identities: tuple[str, ...]
    duplicates: dict[str, int]
    notes: list[str]

    def part(self, name: str) -> pd.DataFrame:
        """The rows of one split, numbered from 0."""
        return self.frame[self.frame["split"] == name].reset_index(drop=True)

    def shares(self, attributes: Sequence[str], label_threshold: float) -> dict[str, dict[str, int | float | None]]:
        """By split: `rows`, and for each attribute the share of positives among the rated rows (None: no such row)."""
        result: dict[str, dict[str, int | float | None]] = {}
        for split in SPLIT_NAMES:
            part = self.part(split)
            values = labels(part, attributes, label_threshold)
            rated = (~np.isnan(values)).sum(axis=0)
            positive = np.nansum(values, axis=0)
            result[split] = {"rows": len(part)} | {
                name: float(positive[i] / rated[i]) if rated[i] else None for i, name in enumerate(attributes)
            }
        return result


@dataclass
class _KeptTexts:
    """Which part keeps a text (by its folded form), and how many others were dropped for it."""

    parts: dict[str, str] = field(default_factory=dict)
    duplicates: dict[str, int] = field(default_factory=dict)

    def keep(self, text: str, part: str) -> bool:
        """True when no part has the text yet; `part` has it from now on."""
        key = fold(text)
        if key not in self.parts:
            self.parts[key] = part
            return True
        owner = self.parts[key]
        where = f"within {part}" if owner == part else f"{part} and {owner}"
        self.duplicates[where] = self.duplicates.get(where, 0) + 1
        return False


def labels(frame: pd.DataFrame, attributes: Sequence[str], label_threshold: float) -> np.ndarray:
    """(len(frame), len(attributes)) float32: 1 at or above the threshold, 0 below, NaN where never rated.

    Compared as float32, the type of the ratings: a stored 0.6 is not below a threshold of 0.6.
    An attribute that the frame lacks was never rated.
    """
    shares = np.full((len(frame), len(attributes)), np.nan, np.float32)
    for i, attribute in enumerate(attributes):
        if attribute in frame:
            shares[:, i] = frame[attribute].to_numpy(np.float32)
    return np.where(np.isnan(shares), np.float32(np.nan), (shares >= np.float32(label_threshold)).astype(np.float32))


def make_splits(
    comments: Comments,
    settings: DataSettings,
    task: Task,
    seed: int,
    label_threshold: float,
    *,
    validation: Comments | None = None,
    test: Comments | None = None,
) -> Splits:
    """Train, validation and test.

    Given parts (files, or official splits where the settings ask for them) are kept; missing parts are drawn
    from the rest, `settings.comments` of it when set. Of texts that occur twice one is kept: within a part the
    first (in the order drawn), between parts the one in test before validation before train.
    Raises ConfigError when there are fewer comments than requested, DataError when a part would be empty or
    the primary label has one class only.
    """
    notes: list[str] = []
    parts = _given_parts(comments, settings, validation, test, notes)
    texts = _KeptTexts()
    generator = np.random.default_rng(seed)
    for name in ("test", "validation"):
        if name in parts:
            parts[name] = _without_repeats(parts[name], name, texts)
    pool = _drawn(parts["train"], settings.comments, generator, texts, comments.report.source)
    missing = {
        name: share
        for name, share in (("validation", settings.validation_share), ("test", settings.test_share))
        if name not in parts
    }
    attributes = comments.attributes
    split = _assigned(pool, missing, labels(pool, attributes, label_threshold), settings.stratified, generator)
    frames = [pool.assign(split=split), *(parts[name].assign(split=name) for name in SPLIT_NAMES[1:] if name in parts)]
    others = [part for part in (validation, test) if part is not None]
    known = {name for part in (comments, *others) for name in (*part.attributes, *part.identities)}
    identities = tuple(name for name in task.identities.columns if name in known)
    frame = _one_frame(frames, task.in_order(known), identities)
    splits = Splits(frame, task.in_order(attributes), identities, texts.duplicates, notes)
    _refuse_unfit(splits, comments.report.source, task.primary, label_threshold)
    return splits


def _given_parts(
    comments: Comments,
    settings: DataSettings,
    validation: Comments | None,
    test: Comments | None,
    notes: list[str],
) -> dict[str, pd.DataFrame]:
    """The given parts, and as `train` the rows that the others are drawn from; adds to `notes`."""
    frame = comments.frame
    parts: dict[str, pd.DataFrame] = {}
    if "split" in frame and settings.official_splits:
        parts = {name: frame[frame["split"] == name] for name in SPLIT_NAMES if (frame["split"] == name).any()}
        if "train" not in parts:
            raise DataError(f"{comments.report.source}: its split column has no train rows; set official_splits=false")
    elif settings.official_splits:
        given = "drawn by seed" if validation is None or test is None else "the given files are used"
        notes.append(f"{comments.report.source} has no official splits: {given}")
    elif "split" in frame:
        notes.append(f"{comments.report.source} has a split column, not used: data.official_splits is false")
    for name, file in (("validation", validation), ("test", test)):
        if file is not None:
            if name in parts:
                notes.append(f"{file.report.source} replaces the official {name} split of {comments.report.source}")
            # A file without an id column repeats the row numbers of the other file.
            repeated = bool(set(frame["id"]) & set(file.frame["id"]))
            parts[name] = file.frame.assign(id=f"{name}-" + file.frame["id"]) if repeated else file.frame
    parts.setdefault("train", frame)
    return {name: part.drop(columns="split", errors="ignore").reset_index(drop=True) for name, part in parts.items()}


def _without_repeats(frame: pd.DataFrame, name: str, texts: _KeptTexts) -> pd.DataFrame:
    """The rows whose text no part has yet, in order."""
    keep = [texts.keep(text, name) for text in frame["text"]]
    return frame[keep].reset_index(drop=True)


def _drawn(
    frame: pd.DataFrame, count: int | None, generator: np.random.Generator, texts: _KeptTexts, source: str
) -> pd.DataFrame:
    """`count` rows with different texts drawn uniformly (all when None), in the source's order."""
    if count is None:
        return _without_repeats(frame, "train", texts)
    column = frame["text"].to_numpy()
    rows: list[int] = []
    for row in generator.permutation(len(frame)).tolist():
        if len(rows) == count:
            break
        if texts.keep(column[row], "train"):
            rows.append(row)
    if len(rows) < count:
        raise ConfigError(
            f"data.comments = {count}: {source} has only {len(rows)} usable comments that differ "
            f"(of {len(frame)} to draw from); ask for fewer"
        )
    return frame.iloc[sorted(rows)].reset_index(drop=True)


def _assigned(
    pool: pd.DataFrame,
    missing: Mapping[str, float],
    pool_labels: np.ndarray,
    stratified: bool,
    generator: np.random.Generator,
) -> np.ndarray:
    """The split of every row of the pool: the missing parts get their share of it, train the rest."""
    names = ["train", *missing]
    sizes = [int(len(pool) * share + 0.5) for share in missing.values()]
    sizes = [len(pool) - sum(sizes), *sizes]
    if stratified:
        places = iterative_stratification(pool_labels == 1, sizes, generator)
    else:
        places = np.repeat(np.arange(len(sizes)), sizes)[generator.permutation(len(pool))]
    result: np.ndarray = np.array(names, dtype=object)[places]
    return result


def _one_frame(frames: Sequence[pd.DataFrame], attributes: Sequence[str], identities: Sequence[str]) -> pd.DataFrame:
    frame = pd.concat(frames, ignore_index=True)
    for name in (*attributes, *identities):
        # A column that one of the files lacks comes out as float64.
        frame[name] = frame[name].astype(np.float32)
    frame["id"] = unique(frame["id"].tolist())
    frame["text_sha256"] = [hashlib.sha256(text.encode()).hexdigest() for text in frame["text"]]
    return frame[["id", "text", "text_sha256", "split", *attributes, *identities]]


def _refuse_unfit(splits: Splits, source: str, primary: str, label_threshold: float) -> None:
    counts = splits.frame["split"].value_counts()
    for name in SPLIT_NAMES:
        if not counts.get(name, 0):
            raise DataError(f"{source}: leaves no comments for {name} (of {len(splits.frame)} in all); give more")
    values = labels(splits.part("train"), [primary], label_threshold)
    if len(np.unique(values[~np.isnan(values)])) < 2:
        side = "at or above" if (values == 1).any() else "below"
        raise DataError(
            f"{source}: every training comment has a {primary} {side} {label_threshold}, one class only; "
            "give comments of both classes, or set another label_threshold"
        )


def usable_attributes(
    splits: Splits, chosen: Literal["all"] | Sequence[str], task: Task, label_threshold: float
) -> tuple[tuple[str, ...], list[str]]:
    """The attributes that can be learnt, in the task's order, and a note for each one left out.

    One with fewer than ten training rows on either side of the threshold is left out, or is a DataError
    when it was chosen by name or is the primary one.
    """
    named: set[str] = set() if chosen == "all" else set(chosen)
    train = splits.part("train")
    usable, notes = [], []
    for attribute in task.names if chosen == "all" else task.in_order(named):
        values = labels(train, [attribute], label_threshold)
        above, below = int((values == 1).sum()), int((values == 0).sum())
        if min(above, below) >= FEWEST_ROWS:
            usable.append(attribute)
            continue
        why = "no such column in the data"
        if attribute in splits.attributes:
            why = (
                f"{above} training comments at or above {label_threshold} and {below} below it, "
                f"where at least {FEWEST_ROWS} of each are needed"
            )
        if attribute == task.primary or attribute in named:
            raise DataError(f"{attribute}: {why}; give more comments, or ask for other attributes")
        notes.append(f"{attribute} left out: {why}")
    return tuple(usable), notes
