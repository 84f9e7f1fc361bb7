"""A suite of test cases: texts with the verdict that is right for each, and what each case tests."""

import hashlib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from retort.data.box_suite import read_box_suite
from retort.data.checks import numbers_of
from retort.data.chunks import RawChunk
from retort.data.comments import unique
from retort.data.faults import FAULTY_SHARE_ALLOWED, MISSING, Faults, text_fault
from retort.data.files import read_raw
from retort.data.formats import format_of
from retort.data.suite_headers import find_suite_columns, require_known_names
from retort.data.suites import FUNCTIONALITY, GROUP, ID, LABEL, TEXT, Layout
from retort.errors import ConfigError, DataError
from retort.identity_terms import find_mentions, identity_terms
from retort.runs import data_sha256
from retort.tasks import Task

Booleans = npt.NDArray[np.bool_]

# A share of raters from which on a case mentions an identity, as Civil Comments has it.
_MENTIONED = 0.5
_PLAIN = (FUNCTIONALITY, GROUP, "direction", "template", "source")
# What a label may be beside numbers and the words of the task's verdict, in lower case without punctuation.
_WORDS = {"hateful": 1.0, "nonhateful": 0.0, "harmful": 1.0, "harmless": 0.0, "true": 1.0, "false": 0.0}
_NOTHING = ("", "nan", "na", "none", "null")
_PUNCTUATION = re.compile(r"[^a-z]")


@dataclass(frozen=True)
class Suite:
    """n cases in the order of their file.

    name: shown in reports. kind: the title of its layout. frame: `id` (unique), `text`, `label` (whether a positive
    verdict is right), `functionality`, `group`, `direction`, `template` and `source` ("" where the suite does not say),
    one float64 column for each of `attributes` (1, 0, NaN where the suite does not say) and one bool column for each
    of `identities` (whether the case mentions it). sha256: of the file. notes: what was left out, in sentences.
    """

    name: str
    kind: str
    frame: pd.DataFrame
    attributes: tuple[str, ...]
    identities: tuple[str, ...]
    sha256: str
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.frame)

    @property
    def texts(self) -> list[str]:
        """The text of every case."""
        return list(self.frame["text"])

    @property
    def labels(self) -> Booleans:
        """(n,) whether a positive verdict is right."""
        return self.frame["label"].to_numpy(bool)

    def balanced(self, most: int, seed: int) -> "Suite":
        """At most `most` cases drawn by `seed`, half of them positive and half not, in their order; where there are too
        few of one kind, all of these."""
        generator, labels = np.random.default_rng(seed), self.labels
        drawn = [generator.permutation(np.flatnonzero(labels == kind))[: most // 2] for kind in (True, False)]
        return replace(self, frame=self.frame.iloc[np.sort(np.concatenate(drawn))].reset_index(drop=True))

    def functionalities(self) -> dict[str, Booleans]:
        """What cases test -> which cases (n,), in the order of the file; empty where the suite does not say."""
        return _members(self.frame[FUNCTIONALITY])

    def groups(self) -> dict[str, Booleans]:
        """Group or identity -> the cases (n,) that name it, in the order of the file; identities may overlap."""
        of_identities = {name: self.frame[name].to_numpy(bool) for name in self.identities}
        return _members(self.frame[GROUP]) | {name: cases for name, cases in of_identities.items() if cases.any()}


def _members(column: pd.Series) -> dict[str, Booleans]:
    codes, names = pd.factorize(column)
    return {str(name): codes == code for code, name in enumerate(names) if name}


def read_suite(path: Path, task: Task, columns: Mapping[str, str] | None = None, name: str | None = None) -> Suite:
    """The cases of one file; its headers say what kind of suite it is.

    columns: name (of `suites.COLUMNS`, a label or an identity) -> header, where the file has another than its kind.
    name: shown in reports, the file's by default. Raises ConfigError for an unknown name in `columns`; DataError for a
    file that is missing, unreadable or empty, lacks a column (naming those found), has a label of another kind (naming
    the row), or more than 1 % faulty rows.
    """
    columns = columns or {}
    require_known_names(columns, task)
    format_of(path)  # a missing file is reported as such before it is hashed
    digest = data_sha256(path)
    reading = _Reading(path, task, columns)
    parts = [reading.part(numbers, raw) for numbers, raw in read_raw(path, reading.choose)]
    return reading.suite(pd.concat(parts, ignore_index=True), name or path.name, digest)


def box_suite(task: Task) -> Suite:
    """The suite that comes with the package. Raises ConfigError for a task that it has no labels for."""
    frame = read_box_suite()
    if task.primary not in frame or frame[task.primary].isna().any():
        raise ConfigError(
            f"the suite in the box has no labels for the task {task.name!r}; give cases with --suite FILE"
        )
    digest = hashlib.sha256(frame.to_csv(index=False).encode()).hexdigest()
    columns: dict[str, Any] = {ID: frame["id"], TEXT: frame["text"], LABEL: frame[task.primary] == 1}
    columns |= {name: frame.get(name, "") for name in _PLAIN}
    attributes = task.in_order(frame.columns)
    return Suite(
        "the suite in the box",
        "written cases and templates",
        pd.DataFrame(columns | {name: frame[name] for name in attributes}),
        attributes,
        (),
        digest,
    )


class _Reading:
    """One file while it is read: its layout and headers are chosen when its first rows come."""

    layout: Layout
    headers: dict[str, str]

    def __init__(self, path: Path, task: Task, columns: Mapping[str, str]) -> None:
        self._path, self._task, self._columns = path, task, columns
        self._faults = Faults()
        self._rows = 0
        words = {_bare(task.verdict.positive): 1.0, _bare(task.verdict.negative): 0.0}
        self._words = _WORDS | words

    def choose(self, found: Sequence[str]) -> list[str]:
        """The headers to read."""
        self.layout, self.headers = find_suite_columns(found, self._columns, self._task, self._path)
        return list(dict.fromkeys(self.headers.values()))

    def part(self, numbers: Sequence[int], raw: RawChunk) -> pd.DataFrame:
        """The usable rows of a chunk as in `Suite.frame`; the others are counted."""
        self._rows += raw.count
        parsed = [place for place in range(raw.count) if place not in raw.broken]
        rows = [numbers[place] for place in parsed]
        texts = self._cells(raw, TEXT)
        labels = self._labels(self._cells(raw, LABEL), rows)
        missing = np.isnan(labels)
        faults = [text_fault(text) or (MISSING if missing[i] else None) for i, text in enumerate(texts)]
        found = {numbers[place]: fault for place, fault in raw.broken.items()}
        found |= {row: fault for row, fault in zip(rows, faults, strict=True) if fault}
        for row in sorted(found):
            self._faults.add(found[row], row)
        kept = np.array([fault is None for fault in faults], bool)
        columns: dict[str, Any] = {ID: self._ids(raw, rows), TEXT: list(texts), LABEL: labels == 1}
        columns |= {name: self._plain(raw, name, len(rows)) for name in _PLAIN}
        columns |= {name: self._labels(self._cells(raw, name), rows) for name in self._found(self._task.names)}
        for name in self._found(self._task.identities.columns):
            columns[name] = numbers_of(raw.cells[self.headers[name]]) >= _MENTIONED
        return pd.DataFrame(columns)[kept]

    def suite(self, frame: pd.DataFrame, name: str, digest: str) -> Suite:
        """The suite of all its parts together. Raises DataError when there are too few usable rows."""
        if self._faults.too_many_of(self._rows) or not len(frame):
            raise DataError(
                f"{self._path}: {self._faults.total:,} of {self._rows:,} rows cannot be used "
                f"({self._faults.summary()}); mend or remove them (at most {FAULTY_SHARE_ALLOWED:.0%} may be faulty)"
            )
        notes = tuple(f"left out {dropped.summary(fault)}" for fault, dropped in self._faults.dropped.items())
        attributes, identities = self._found(self._task.names), self._found(self._task.identities.columns)
        if self.layout.group_from_text and GROUP not in self.headers:
            named = _named_groups(list(frame[TEXT]))
            frame, identities = frame.assign(**named), tuple(named)
        frame[ID] = unique(list(frame[ID]))
        return Suite(name, self.layout.title, frame, attributes, identities, digest, notes)

    def _found(self, names: Sequence[str]) -> tuple[str, ...]:
        return tuple(name for name in names if name in self.headers)

    def _labels(self, cells: Sequence[Any], rows: Sequence[int]) -> npt.NDArray[np.float64]:
        """(n,) 1 or 0, NaN where there is none. Raises DataError for anything that is no label."""
        values = {cell: self._label(cell) for cell in dict.fromkeys(cells)}
        for cell, value in values.items():
            if value is None:
                row = rows[list(cells).index(cell)]
                raise DataError(
                    f"{self._path}: row {row}: label {str(cell)[:40]!r}; labels are 1 and 0, shares of raters between "
                    f"them, hateful and non-hateful, or {' and '.join(list(self._task.keys.values())[:2])}"
                )
        return np.array([values[cell] for cell in cells], np.float64)

    def _label(self, cell: Any) -> float | None:
        word = "" if cell is None or cell != cell else str(cell).strip().casefold()
        if word in _NOTHING:
            return math.nan
        if _bare(word) in self._words:
            return self._words[_bare(word)]
        try:
            share = float(word)
        except ValueError:
            return None
        return float(share >= self._task.label_threshold) if 0 <= share <= 1 else None

    def _cells(self, raw: RawChunk, name: str) -> Sequence[Any]:
        cells = raw.cells[self.headers[name]]
        # A NaN equals nothing, not even itself.
        return [None if cell != cell else cell for cell in cells.tolist()] if isinstance(cells, np.ndarray) else cells

    def _ids(self, raw: RawChunk, rows: Sequence[int]) -> list[str]:
        named = self._plain(raw, ID, len(rows))
        return [own or str(row) for own, row in zip(named, rows, strict=True)]

    def _plain(self, raw: RawChunk, name: str, count: int) -> list[str]:
        """The cells of a column as words, "" where there is nothing, or no such column."""
        if name not in self.headers:
            return [""] * count
        cells = self._cells(raw, name)
        words = {cell: "" if cell is None or cell != cell else str(cell).strip() for cell in dict.fromkeys(cells)}
        return ["" if words[cell].casefold() in _NOTHING else words[cell] for cell in cells]


def _named_groups(texts: Sequence[str]) -> dict[str, Booleans]:
    """Group of an identity term -> which texts (n,) have one, in the order of the list of terms."""
    found: dict[str, Booleans] = {term.group: np.zeros(len(texts), bool) for term in identity_terms()}
    for place, text in enumerate(texts):
        for mention in find_mentions(text):
            found[mention.term.group][place] = True
    return {group: cases for group, cases in found.items() if cases.any()}


def _bare(word: str) -> str:
    return _PUNCTUATION.sub("", word.casefold())
