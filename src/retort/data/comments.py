"""What every source of comments becomes: checked rows in one table, and a report of what was left out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from retort.attributes import ATTRIBUTES, IDENTITIES, PRIMARY
from retort.config import TEXT_HEADERS, ColumnNames
from retort.errors import DataError
from retort.text import is_blank

# Above this share of faulty rows the file is not what its reader believes it to be.
MOST_FAULTY = 0.01
ROWS_NAMED = 5

BLANK = "blank text"
NOT_TEXT = "text that is not a string"
NUL = "NUL byte"
INVALID_UTF8 = "invalid UTF-8"
RAGGED = "ragged row"
NOT_JSON = "line that is no JSON object"
MISSING = "missing label"
NOT_A_NUMBER = "label that is not a number"
OUT_OF_RANGE = "label outside 0 to 1"
DUPLICATE = "duplicate text"

_KNOWN_ID = ("id",)
# `target` is Kaggle's name of 2019; the last ones are those of the Jigsaw challenge of 2018, or Perspective's.
_KNOWN_ATTRIBUTES = {name: (name,) for name in ATTRIBUTES} | {
    PRIMARY: (PRIMARY, "target", "toxic"),
    "severe_toxicity": ("severe_toxicity", "severe_toxic"),
    "identity_attack": ("identity_attack", "identity_hate"),
    "obscene": ("obscene", "profanity"),
    "sexual_explicit": ("sexual_explicit", "sexually_explicit"),
}
_SPLITS = {"train": "train", "val": "validation", "valid": "validation", "validation": "validation"} | {
    "dev": "validation",
    "test": "test",
}


@dataclass(frozen=True)
class Dropped:
    """How many rows one fault cost, and the first five of them, counted from 1 without the header."""

    count: int
    first_rows: tuple[int, ...]


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
            "dropped": {
                fault: {"count": dropped.count, "first_rows": list(dropped.first_rows)}
                for fault, dropped in self.dropped.items()
            },
            "notes": list(self.notes),
        }

    def lines(self) -> list[str]:
        """For people."""
        head = f"{self.source}: {self.rows_read:,} rows read"
        faults = [f"  dropped {_in_words(fault, dropped)}" for fault, dropped in self.dropped.items()]
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


@dataclass(frozen=True)
class Columns:
    """Which column of a source holds what."""

    text: str
    id: str | None
    split: str | None
    attributes: dict[str, str]
    identities: dict[str, str]

    @property
    def needed(self) -> list[str]:
        """All columns to read, each once."""
        optional = [name for name in (self.id, self.split) if name is not None]
        return list(dict.fromkeys([self.text, *optional, *self.numeric.values()]))

    @property
    def numeric(self) -> dict[str, str]:
        """Attribute or identity name to column."""
        return self.attributes | self.identities


def find_columns(found: Sequence[str], names: ColumnNames, where: str, *, labelled: bool) -> Columns:
    """The columns by the given names, else by the known headers (whatever their case).

    Without `labelled` only the text has to be there, and ratings are not read. Raises DataError naming
    what was found and the flag that helps.
    """
    by_header = {name.strip().casefold(): name for name in reversed(found)}

    def column(given: str | None, known: Sequence[str]) -> str | None:
        if given is not None:
            return given if given in found else None
        return next((by_header[name] for name in known if name in by_header), None)

    def required(given: str | None, known: Sequence[str], flag: str) -> str:
        name = column(given, known)
        if name is None:
            looked_for = " or ".join(repr(n) for n in ([given] if given else known))
            raise DataError(f"{where}: no column {looked_for}; found {_listed(found)}. Name it with {flag}.")
        return name

    text = required(names.text, TEXT_HEADERS, "--text-column")
    identifier = required(names.id, _KNOWN_ID, "--id-column") if names.id else column(None, _KNOWN_ID)
    attributes: dict[str, str] = {}
    identities: dict[str, str] = {}
    if labelled:
        for attribute in ATTRIBUTES:
            given = getattr(names, attribute)
            known = _KNOWN_ATTRIBUTES[attribute]
            if attribute == PRIMARY or given:
                attributes[attribute] = required(given, known, f"--{attribute.replace('_', '-')}-column")
            elif (name := column(None, known)) is not None:
                attributes[attribute] = name
        identities = {i: by_header[i] for i in IDENTITIES if i in by_header}
    columns = Columns(text, identifier, by_header.get("split") if labelled else None, attributes, identities)
    for name in columns.needed:
        if list(found).count(name) > 1:
            raise DataError(f"{where}: {list(found).count(name)} columns are called {name!r}; rename all but one")
    return columns


def _listed(found: Sequence[str]) -> str:
    """Column names, shortened: without a header the first comment stands in their place."""
    shown = ", ".join(repr(name if len(name) <= 30 else name[:27] + "...") for name in found[:50])
    return (shown or "nothing") + (f" and {len(found) - 50} more" if len(found) > 50 else "")


@dataclass
class Faults:
    """Counts rows that cannot be used, with the first few row numbers of each fault."""

    counts: dict[str, int] = field(default_factory=dict)
    rows: dict[str, list[int]] = field(default_factory=dict)

    def add(self, fault: str, row: int) -> None:
        """One more row (numbers rise from call to call)."""
        self.counts[fault] = self.counts.get(fault, 0) + 1
        first = self.rows.setdefault(fault, [])
        if len(first) < ROWS_NAMED:
            first.append(row)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def dropped(self) -> dict[str, Dropped]:
        """By fault, in the order in which they were first met."""
        return {fault: Dropped(count, tuple(self.rows[fault])) for fault, count in self.counts.items()}


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

    def add(self, cells: Mapping[str, Sequence[Any] | np.ndarray], rows: Sequence[int]) -> np.ndarray:
        """One chunk: a sequence of cells for every needed column, and the number of each row.

        Returns a boolean array: which rows were kept.
        """
        ratings = {name: self._as_numbers(cells[column]) for name, column in self.columns.numeric.items()}
        suspect = _suspect(ratings, len(rows))
        texts = cells[self.columns.text]
        keep = np.ones(len(rows), bool)
        for i, text in enumerate(texts):
            fault = _text_fault(text) or (_rating_fault(ratings, i) if suspect[i] else None)
            if fault:
                keep[i] = False
                self.faults.add(fault, rows[i])
        kept: list[int] = np.flatnonzero(keep).tolist()
        self._texts.append(pa.array([texts[i] for i in kept], pa.large_string()))
        self._ratings.append({name: values[kept].astype(np.float32) for name, values in ratings.items()})
        ids = cells[self.columns.id] if self.columns.id else None
        self._ids += [_identifier(None if ids is None else ids[i], rows[i]) for i in kept]
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
            told = "; ".join(_in_words(fault, dropped) for fault, dropped in self.faults.dropped().items())
            raise DataError(
                f"{self.where}: {self.faults.total:,} of {self.rows_read:,} rows cannot be used ({told}); "
                f"mend or remove them (at most {MOST_FAULTY:.0%} may be faulty)"
            )


def _in_words(fault: str, dropped: Dropped) -> str:
    rows = ", ".join(str(row) for row in dropped.first_rows)
    more = ", ..." if dropped.count > len(dropped.first_rows) else ""
    return f"{dropped.count:,} x {fault}, {'row' if dropped.count == 1 else 'rows'} {rows}{more}"


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


def _text_fault(text: Any) -> str | None:
    if not isinstance(text, str):
        return BLANK if text is None or text != text else NOT_TEXT
    if "\0" in text:
        return NUL
    if not text.isascii() and not _encodable(text):
        return INVALID_UTF8
    return BLANK if is_blank(text) else None


def _encodable(text: str) -> bool:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _identifier(cell: Any, row: int) -> str:
    """The source's own identifier as text, else the row number."""
    if cell is None or cell != cell or not str(cell).strip():
        return str(row)
    text = str(cell).strip()
    return text if _encodable(text) else str(row)


def unique(ids: Sequence[str]) -> list[str]:
    """The same identifiers, a repeated one followed by -2, -3 and so on."""
    taken = set(ids)
    if len(taken) == len(ids):
        return list(ids)
    seen: dict[str, int] = {}
    result = []
    for identifier in ids:
        seen[identifier] = count = seen.get(identifier, 0) + 1
        name = identifier
        while count > 1 and name in taken:
            name = f"{identifier}-{count}"
            count += 1
        taken.add(name)
        result.append(name)
    return result
