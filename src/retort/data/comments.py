"""What every source of comments becomes: checked rows in one table, and a report of what was left out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from retort.attributes import PRIMARY
from retort.data.columns import Columns, identifier
from retort.data.faults import MISSING, MOST_FAULTY, NOT_A_NUMBER, OUT_OF_RANGE, Dropped, Faults, text_fault
from retort.data.rows import Chunk
from retort.errors import DataError

_SPLITS = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation"} | {
    "dev": "validation",
    "test": "test",
}


@dataclass(frozen=True)
class ReadReport:
    """What was read and what was left out, by fault."""

    source: str
    sha256: str | None
    rows_read: int
    dropped: dict[str, Dropped]
    notes: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For run.json."""
        return {
            "source": self.source,
            "sha256": self.sha256,
            "rows_read": self.rows_read,
            "dropped": {fault: dropped.as_dict() for fault, dropped in self.dropped.items()},
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """For people."""
        head = f"{self.source}: {self.rows_read:,} rows read"
        faults = [f"  dropped {dropped.told(fault)}" for fault, dropped in self.dropped.items()]
        return [head, *faults, *(f"  {note}" for note in self.notes)]


@dataclass(frozen=True)
class Comments:
    """Comments from one source, in the order of the source.

    `frame` has the columns `id` (unique), `text`, one float32 share of raters in [0, 1] for each of
    `attributes` (NaN: never rated) and `identities` (NaN: not annotated), and `split` where the source
    brings its own (train, validation or test).
    """

    frame: pd.DataFrame
    attributes: tuple[str, ...]
    identities: tuple[str, ...]
    report: ReadReport


@dataclass
class Gatherer:
    """Takes chunks of raw cells, keeps the rows that are fit, and ends as `Comments`.

    Chunks keep the memory of a 1.8-million-row file with 31 rating columns near that of its texts.
    """

    where: str
    columns: Columns
    faults: Faults = field(default_factory=Faults)
    rows_read: int = 0
    _texts: list[pa.Array] = field(default_factory=list)
    _ids: list[str] = field(default_factory=list)
    _splits: list[str] = field(default_factory=list)
    _ratings: list[dict[str, np.ndarray]] = field(default_factory=list)
    _numbers: "_Numbers" = field(default_factory=lambda: _Numbers())

    def take(self, chunk: Chunk) -> None:
        """A chunk of a file, the rows that could not be taken apart included."""
        self.rows_read += chunk.count
        for number, fault in chunk.broken.items():
            self.faults.add(fault, number)
        if chunk.numbers:
            self.add(chunk.cells, chunk.numbers)

    def add(self, cells: Mapping[str, Sequence[Any] | np.ndarray], rows: Sequence[int]) -> np.ndarray:
        """One chunk: a sequence of cells for every needed column, and the number of each row.

        Returns a boolean array: which rows were kept.
        """
        ratings = {name: self._as_numbers(cells[column]) for name, column in self.columns.numeric.items()}
        suspect = _suspect(ratings, len(rows))
        texts = cells[self.columns.text]
        keep = np.ones(len(rows), bool)
        for i, text in enumerate(texts):
            fault = text_fault(text) or (_rating_fault(ratings, i) if suspect[i] else None)
            if fault:
                keep[i] = False
                self.faults.add(fault, rows[i])
        kept: list[int] = np.flatnonzero(keep).tolist()
        self._texts.append(pa.array([texts[i] for i in kept], pa.large_string()))
        self._ratings.append({name: values[kept].astype(np.float32) for name, values in ratings.items()})
        ids = cells[self.columns.id] if self.columns.id else None
        self._ids += [identifier(None if ids is None else ids[i], rows[i]) for i in kept]
        if self.columns.split:
            splits = cells[self.columns.split]
            self._splits += [_SPLITS.get(str(splits[i]).strip().casefold(), "") for i in kept]
        return keep

    def _as_numbers(self, cells: Sequence[Any] | np.ndarray) -> np.ndarray:
        if isinstance(cells, np.ndarray):
            return cells.astype(np.float64)
        return np.fromiter(map(self._numbers.__getitem__, cells), np.float64, len(cells))

    def finish(self, source: str, sha256: str | None) -> Comments:
        """Everything gathered. Raises DataError when too much was faulty or nothing was there."""
        self._refuse_unfit()
        ratings = {name: np.concatenate([chunk[name] for chunk in self._ratings]) for name in self.columns.numeric}
        texts = pa.chunked_array(self._texts, pa.large_string()).to_pandas()
        frame = pd.DataFrame({"id": unique(self._ids), "text": texts} | ratings)
        notes = []
        if self.columns.split:
            if all(self._splits):
                frame["split"] = self._splits
            else:
                notes.append(f"column {self.columns.split!r} holds more than train, validation and test: not used")
        report = ReadReport(source, sha256, self.rows_read, self.faults.dropped(), tuple(notes))
        return Comments(frame, tuple(self.columns.attributes), tuple(self.columns.identities), report)

    def _refuse_unfit(self) -> None:
        if self.rows_read == 0:
            raise DataError(f"{self.where}: no rows below the header; give a file that holds comments")
        if self.faults.total > MOST_FAULTY * self.rows_read:
            raise DataError(
                f"{self.where}: {self.faults.total:,} of {self.rows_read:,} rows cannot be used "
                f"({self.faults.told()}); mend or remove them (at most {MOST_FAULTY:.0%} may be faulty)"
            )


_UNPARSABLE = -math.inf


class _Numbers(dict[Any, float]):
    """Cell to number, each distinct cell parsed once (ratings are few and coarse).

    Nothing, or a word for nothing, is NaN; what is no number is `_UNPARSABLE`.
    """

    def __missing__(self, cell: Any) -> float:
        self[cell] = number = self._parsed(cell)
        return number

    @staticmethod
    def _parsed(cell: Any) -> float:
        word = "" if cell is None else str(cell).strip().casefold()
        if word in ("", "nan", "na", "n/a", "null", "none"):
            return math.nan
        if word in ("true", "false"):
            return float(word == "true")
        try:
            return float(word)
        except ValueError:
            return _UNPARSABLE


def _suspect(ratings: Mapping[str, np.ndarray], rows: int) -> np.ndarray:
    """Rows with any rating that is missing where it must not be, or out of range: looked at one by one."""
    suspect = np.zeros(rows, bool)
    for values in ratings.values():
        suspect |= (values < 0) | (values > 1)
    if PRIMARY in ratings:
        suspect |= np.isnan(ratings[PRIMARY])
    return suspect


def _rating_fault(ratings: Mapping[str, np.ndarray], row: int) -> str | None:
    values = [v[row] for v in ratings.values()]
    if PRIMARY in ratings and math.isnan(ratings[PRIMARY][row]):
        return MISSING
    return NOT_A_NUMBER if _UNPARSABLE in values else OUT_OF_RANGE


def unique(ids: Sequence[str]) -> list[str]:
    """The same identifiers, a repeated one followed by -2, -3 and so on."""
    taken = set(ids)
    if len(taken) == len(ids):
        return list(ids)
    seen: dict[str, int] = {}
    result = []
    for given in ids:
        seen[given] = count = seen.get(given, 0) + 1
        name = given
        while count > 1 and name in taken:
            name = f"{given}-{count}"
            count += 1
        taken.add(name)
        result.append(name)
    return result
