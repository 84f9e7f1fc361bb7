"""Draws comments with a seed and puts them into train, validation and test, no text in two of them."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from retort.attributes import ATTRIBUTES, IDENTITIES, PRIMARY, in_order
from retort.config import DataSettings
from retort.data.comments import Comments, unique
from retort.errors import ConfigError, DataError
from retort.runs import SPLIT_NAMES
from retort.text import fold

# An attribute with fewer training rows than this on one side of its threshold cannot be learnt.
FEWEST_ROWS = 10


@dataclass(frozen=True)
class Splits:
    """Comments with their split.

    `frame` is as `Comments.frame`, with `text_sha256` (of the text's UTF-8 bytes) and `split`, one of
    `runs.SPLIT_NAMES`. `duplicates` counts what was dropped, by where the same text stood. `attributes`
    are those that the training rows were rated for; `notes` say what a reader should know.
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
    seed: int,
    label_threshold: float,
    *,
    validation: Comments | None = None,
    test: Comments | None = None,
) -> Splits:
    """Train, validation and test.

    Whatever is given (files, or official splits where asked for and there) is kept; what is still missing is
    drawn from the rest, `settings.comments` of it when set. A text that stands twice is dropped: within a
    part all but the first (in the order drawn), between parts from train before validation before test.
    Raises ConfigError when fewer comments are there than asked, DataError when a part would be empty or
    toxicity has one class only.
    """
    notes: list[str] = []
    parts = _given_parts(comments, settings, validation, test, notes)
    duplicates: dict[str, int] = {}
    taken: dict[str, str] = {}
    generator = np.random.default_rng(seed)
    for name in ("test", "validation"):
        if name in parts:
            parts[name] = _without_repeats(parts[name], name, taken, duplicates)
    pool = _drawn(parts["train"], settings.comments, generator, taken, duplicates, comments.report.source)
    missing = {
        name: share
        for name, share in (("validation", settings.validation_share), ("test", settings.test_share))
        if name not in parts
    }
    attributes = comments.attributes
    split = _assigned(pool, missing, labels(pool, attributes, label_threshold), settings.stratified, generator)
    frames = [pool.assign(split=split), *(parts[name].assign(split=name) for name in SPLIT_NAMES[1:] if name in parts)]
    others = [part for part in (validation, test) if part is not None]
    identities = _ordered(IDENTITIES, [comments.identities, *(part.identities for part in others)])
    frame = _one_frame(frames, _ordered(ATTRIBUTES, [attributes, *(p.attributes for p in others)]), identities)
    splits = Splits(frame, in_order(frozenset(attributes)), identities, duplicates, notes)
    _refuse_unfit(splits, comments.report.source, label_threshold)
    return splits


def _given_parts(
    comments: Comments,
    settings: DataSettings,
    validation: Comments | None,
    test: Comments | None,
    notes: list[str],
) -> dict[str, pd.DataFrame]:
    """The parts that need no drawing, and as `train` the rows that the others are drawn from."""
    frame = comments.frame
    parts: dict[str, pd.DataFrame] = {}
    if "split" in frame and settings.official_splits:
        parts = {name: frame[frame["split"] == name] for name in SPLIT_NAMES if (frame["split"] == name).any()}
        if "train" not in parts:
            raise DataError(f"{comments.report.source}: its split column has no train rows; set official_splits=false")
    elif settings.official_splits:
        given = "drawn by seed" if validation is None or test is None else "the given files are used"
        notes.append(f"{comments.report.source} brings no official splits: {given}")
    elif "split" in frame:
        notes.append(f"{comments.report.source} has a split column, not used: data.official_splits is false")
    for name, file in (("validation", validation), ("test", test)):
        if file is not None:
            if name in parts:
                notes.append(f"the official {name} split of {comments.report.source} gives way to {file.report.source}")
            # Ids stay traceable: a file without an id column would repeat the other file's row numbers.
            parts[name] = _with_own_ids(file.frame, name, frame["id"])
    parts.setdefault("train", frame)
    return {name: part.drop(columns="split", errors="ignore").reset_index(drop=True) for name, part in parts.items()}


def _with_own_ids(frame: pd.DataFrame, prefix: str, taken: Iterable[str]) -> pd.DataFrame:
    return frame.assign(id=f"{prefix}-" + frame["id"]) if set(taken) & set(frame["id"]) else frame


def _without_repeats(frame: pd.DataFrame, name: str, taken: dict[str, str], duplicates: dict[str, int]) -> pd.DataFrame:
    """The rows whose text is not taken yet, in order; takes their texts."""
    keep = [_takes(text, name, taken, duplicates) for text in frame["text"]]
    return frame[keep].reset_index(drop=True)


def _takes(text: str, name: str, taken: dict[str, str], duplicates: dict[str, int]) -> bool:
    key = fold(text)
    if key in taken:
        where = f"within {name}" if taken[key] == name else f"{name} and {taken[key]}"
        duplicates[where] = duplicates.get(where, 0) + 1
        return False
    taken[key] = name
    return True


def _drawn(
    frame: pd.DataFrame,
    count: int | None,
    generator: np.random.Generator,
    taken: dict[str, str],
    duplicates: dict[str, int],
    source: str,
) -> pd.DataFrame:
    """`count` rows drawn uniformly (all when None), in the source's order; a repeated text gives way to the next."""
    if count is None:
        return _without_repeats(frame, "train", taken, duplicates)
    texts = frame["text"].to_numpy()
    rows: list[int] = []
    for row in generator.permutation(len(frame)).tolist():
        if len(rows) == count:
            break
        if _takes(texts[row], "train", taken, duplicates):
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


def iterative_stratification(positive: np.ndarray, sizes: Sequence[int], generator: np.random.Generator) -> np.ndarray:
    """Which subset each row goes to, so that every label is spread as the sizes are; subsets get exactly their size.

    `positive`: (n, n_labels) bool; `sizes` sums to n. Returns (n,) subset indices. The rarest label is dealt
    out first, each of its rows to the subset that lacks that label most (Sechidis, Tsoumakas and Vlahavas
    2011, "On the Stratification of Multi-Label Data", algorithm 1).
    """
    n = len(positive)
    room = np.array(sizes, dtype=np.int64)
    wanted = positive.sum(axis=0) * (room[:, None] / max(n, 1))
    places = np.full(n, -1, dtype=np.int64)
    order = generator.permutation(n)
    left = positive.sum(axis=0)
    while (left > 0).any():
        label = int(np.where(left > 0, left, n + 1).argmin())
        for row in order[positive[order, label] & (places[order] < 0)].tolist():
            places[row] = place = _neediest(wanted[:, label], room, generator)
            room[place] -= 1
            wanted[place] -= positive[row]
            left -= positive[row]
    rest = order[places[order] < 0]
    places[rest] = np.repeat(np.arange(len(room)), room)
    return places


def _neediest(wanted: np.ndarray, room: np.ndarray, generator: np.random.Generator) -> int:
    """The subset with the greatest lack of a label; of equals the one with most room, of these any."""
    wanted = np.where(room > 0, wanted, -np.inf)
    best = np.flatnonzero(wanted == wanted.max())
    best = best[room[best] == room[best].max()]
    return int(best[0] if len(best) == 1 else generator.choice(best))


def _ordered(known: Sequence[str], given: Iterable[Sequence[str]]) -> tuple[str, ...]:
    names = {name for group in given for name in group}
    return tuple(name for name in known if name in names)


def _one_frame(frames: Sequence[pd.DataFrame], attributes: Sequence[str], identities: Sequence[str]) -> pd.DataFrame:
    frame = pd.concat(frames, ignore_index=True)
    for name in (*attributes, *identities):
        # A column that one of the files lacks comes out as float64.
        frame[name] = frame[name].astype(np.float32)
    frame["id"] = unique(frame["id"].tolist())
    frame["text_sha256"] = [hashlib.sha256(text.encode()).hexdigest() for text in frame["text"]]
    return frame[["id", "text", "text_sha256", "split", *attributes, *identities]]


def _refuse_unfit(splits: Splits, source: str, label_threshold: float) -> None:
    counts = splits.frame["split"].value_counts()
    for name in SPLIT_NAMES:
        if not counts.get(name, 0):
            raise DataError(f"{source}: leaves no comments for {name} (of {len(splits.frame)} in all); give more")
    values = labels(splits.part("train"), [PRIMARY], label_threshold)
    if len(np.unique(values[~np.isnan(values)])) < 2:
        side = "at or above" if (values == 1).any() else "below"
        raise DataError(
            f"{source}: every training comment has a {PRIMARY} {side} {label_threshold}, one class only; "
            "give comments of both classes, or set another label_threshold"
        )


def usable_attributes(
    splits: Splits, asked: Literal["all"] | Sequence[str], label_threshold: float
) -> tuple[tuple[str, ...], list[str]]:
    """The attributes that can be learnt, in the project's order, and a note for each one left out.

    One with fewer than ten training rows on either side of the threshold is left out, or is a DataError
    when it was asked for by name or is the primary one.
    """
    named = set() if asked == "all" else set(asked)
    train = splits.part("train")
    usable, notes = [], []
    for attribute in ATTRIBUTES if asked == "all" else in_order(frozenset(named)):
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
        if attribute == PRIMARY or attribute in named:
            raise DataError(f"{attribute}: {why}; give more comments, or ask for other attributes")
        notes.append(f"{attribute} left out: {why}")
    return tuple(usable), notes
