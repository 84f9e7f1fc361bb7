"""Rows checked one by one: which can be used, and what is wrong with the others. Needs no pandas."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from retort.data.chunks import Cells
from retort.data.faults import MISSING, NOT_A_NUMBER, OUT_OF_RANGE, is_encodable, text_fault
from retort.data.files import NamedChunk
from retort.tasks.task import ID, SPLIT, TEXT


@dataclass(frozen=True)
class CheckedRows:
    """n rows of a source that follow one another.

    ids: of all n. places: of the m rows that can be used (0 to n - 1, rising). texts, splits, ratings: theirs, ratings
    by attribute or identity, (m,) float32, NaN where never rated; splits are empty for a source without. faults: row
    number -> what is wrong with it, for the others. share: how much of the source has been read, 0 to 1.
    """

    ids: list[str]
    places: list[int]
    texts: list[str]
    faults: dict[int, str]
    share: float
    ratings: dict[str, np.ndarray] = field(default_factory=dict)
    splits: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.ids)


def check(chunk: NamedChunk) -> CheckedRows:
    """The rows of a chunk with their faults."""
    columns, raw = chunk.columns, chunk.raw
    parsed = [place for place in range(raw.count) if place not in raw.broken]
    ratings = {name: numbers_of(chunk.cells(name)) for name in columns.rated}
    suspect = _suspect(ratings, columns.primary, len(parsed))
    texts = chunk.cells(TEXT)
    faults = {chunk.numbers[place]: fault for place, fault in raw.broken.items()}
    usable: list[int] = []
    for i, place in enumerate(parsed):
        fault = text_fault(texts[i]) or (_rating_fault(ratings, columns.primary, i) if suspect[i] else None)
        if fault:
            faults[chunk.numbers[place]] = fault
        else:
            usable.append(i)
    splits = chunk.cells(SPLIT) if SPLIT in columns.headers else ()
    return CheckedRows(
        ids=_ids(chunk, parsed),
        places=[parsed[i] for i in usable],
        texts=[texts[i] for i in usable],
        faults=dict(sorted(faults.items())),
        share=raw.share,
        ratings={name: values[usable].astype(np.float32) for name, values in ratings.items()},
        splits=[str(splits[i]) for i in usable] if len(splits) else [],
    )


def _ids(chunk: NamedChunk, parsed: Sequence[int]) -> list[str]:
    """The source's own identifiers, else the row numbers."""
    ids = [str(number) for number in chunk.numbers]
    if ID in chunk.columns.headers:
        for place, cell in zip(parsed, chunk.cells(ID), strict=True):
            ids[place] = _identifier(cell) or ids[place]
    return ids


def _identifier(cell: Any) -> str | None:
    if cell is None or cell != cell:
        return None
    text = str(cell).strip()
    return text if is_encodable(text) else None


_UNPARSABLE = -math.inf
_NOTHING = ("", "nan", "na", "n/a", "null", "none")


def numbers_of(cells: Cells) -> np.ndarray:
    """(len(cells),) float64, NaN for an empty cell. Each distinct cell is parsed once: ratings are few and coarse."""
    if isinstance(cells, np.ndarray):
        return cells.astype(np.float64)
    parsed = {cell: _number(cell) for cell in set(cells)}
    return np.fromiter(map(parsed.__getitem__, cells), np.float64, len(cells))


def _number(cell: Any) -> float:
    word = "" if cell is None else str(cell).strip().casefold()
    if word in _NOTHING:
        return math.nan
    if word in ("true", "false"):
        return float(word == "true")
    try:
        return float(word)
    except ValueError:
        return _UNPARSABLE


def _suspect(ratings: Mapping[str, np.ndarray], primary: str | None, rows: int) -> np.ndarray:
    """(rows,) bool: rows with a rating out of range, or without the primary one. Only these are looked at singly."""
    suspect = np.zeros(rows, bool)
    for values in ratings.values():
        suspect |= (values < 0) | (values > 1)
    return suspect if primary is None else suspect | np.isnan(ratings[primary])


def _rating_fault(ratings: Mapping[str, np.ndarray], primary: str | None, row: int) -> str:
    if primary is not None and math.isnan(ratings[primary][row]):
        return MISSING
    return NOT_A_NUMBER if any(values[row] == _UNPARSABLE for values in ratings.values()) else OUT_OF_RANGE
