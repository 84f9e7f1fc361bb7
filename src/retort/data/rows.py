"""The rows of CSV, TSV, JSON lines and Parquet files, plain or gzipped, as a stream: one chunk of them at a time.

Only Parquet needs more than the base install (parquet.py).
"""

import contextlib
import csv
import gzip
import io
import json
import operator
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from retort.config import ColumnNames
from retort.data.columns import Columns, find_columns
from retort.data.faults import NOT_JSON, RAGGED
from retort.errors import DataError

# A comment of ten million characters is an unclosed quote, not a comment.
LONGEST_CELL = 10_000_000
# Nor is this a line of such a file: whole, it would fill the memory before anybody could say what is wrong with it.
LONGEST_LINE = 10 * LONGEST_CELL

ENDINGS = (".csv", ".tsv", ".jsonl", ".parquet")

Cells = Sequence[Any] | np.ndarray


@dataclass(frozen=True)
class Most:
    """What a chunk holds at most. It ends with the row that reaches either."""

    rows: int = 20_000
    characters: int = 50_000_000


@dataclass(frozen=True)
class Chunk:
    """`count` rows that follow one another, from row number `first` on (counted from 1, without the header).

    cells: for each needed column those of the rows that could be taken apart; numbers: of these rows, rising.
    broken: number -> fault of the others. share: how much of the file is read when this is, 0 to 1.
    """

    columns: Columns
    first: int
    count: int
    numbers: Sequence[int]
    cells: Mapping[str, Cells]
    broken: Mapping[int, str]
    share: float


def read_chunks(
    path: Path, names: ColumnNames, *, labelled: bool, most: Most | None = None
) -> Generator[Chunk, None, None]:
    """All rows of one file, in order; its ending tells the format, its header (or `names`) what stands where.

    Rows of JSON lines may lack a key, so their header is what the first chunk holds. Without `labelled` ratings are
    neither looked for nor read. Raises DataError, as far into the file as it takes to find out, when that is missing,
    empty, unreadable or torn.
    """
    ending = file_ending(path)
    most = most or Most()
    read = {".csv": _csv_chunks, ".tsv": _csv_chunks, ".jsonl": _json_chunks, ".parquet": _parquet_chunks}[ending]
    found = False
    try:
        for chunk in read(path, names, labelled, most):
            found = True
            yield chunk
    except (OSError, EOFError, zlib.error) as error:
        raise unreadable(path, error) from error
    if not found:
        raise DataError(f"{path}: no rows below the header; give a file that holds comments")


def file_ending(path: Path) -> str:
    """The ending that tells the format, without .gz. Raises DataError when there is no such file, or nothing in it."""
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name a file ({', '.join(ENDINGS)}, also .gz)")
    if not path.exists():
        raise DataError(f"{path}: no such file; check the path")
    if not path.is_file():
        raise DataError(f"{path}: is not a regular file; save its content in one")
    name = path.name.lower().removesuffix(".gz")
    ending = next((e for e in ENDINGS if name.endswith(e)), None)
    if ending is None:
        raise DataError(f"{path}: unknown ending; give one of {', '.join(ENDINGS)} (also .gz)")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: is empty; give a file that holds comments")
    return ending


def is_packed(path: Path) -> bool:
    """Whether the file's name says that it is gzipped."""
    return path.suffix.lower() == ".gz"


def unreadable(path: Path, error: Exception) -> DataError:
    """What to say of a file that ends too soon, or is not what its ending says."""
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    return DataError(f"{path}: is not a readable {file_ending(path)[1:]} file ({said}); take a whole copy of it")


def plain_cell(cell: Any) -> Any:
    """The cell, hashable: lists and objects are no text and no number, and as a tuple they can be told so."""
    return (str(cell),) if isinstance(cell, list | dict) else cell


# --- text ---


class _Lines:
    """The lines of a text file; counts characters, and whether an odd number of quotes went by."""

    def __init__(self, file: TextIO, path: Path) -> None:
        self._file = file
        self._path = path
        self.characters = 0
        self.odd = False
        self.ended = False

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self._file.readline(LONGEST_LINE)
        if not line:
            self.ended = True
            raise StopIteration
        if len(line) == LONGEST_LINE:
            raise DataError(
                f"{self._path}: has a line of over {LONGEST_LINE:,} characters; put one comment on a line of its own"
            )
        self.characters += len(line)
        if '"' in line:
            self.odd ^= bool(line.count('"') % 2)
        return line


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[tuple[_Lines, Callable[[], float]]]:
    """The file's lines, and how much of it is read; bytes that are no UTF-8 come as lone surrogates, counted by row."""
    size = path.stat().st_size
    with path.open("rb") as stored, _unpacked(path, stored) as binary:
        start = binary.read(2)
        binary.seek(0)
        if start in (b"\xff\xfe", b"\xfe\xff"):
            raise DataError(f"{path}: is UTF-16; save it as UTF-8")
        with io.TextIOWrapper(binary, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
            yield _Lines(text, path), lambda: min(1.0, stored.tell() / size)


def _unpacked(path: Path, stored: io.BufferedReader) -> gzip.GzipFile | io.BufferedReader:
    return gzip.GzipFile(fileobj=stored) if is_packed(path) else stored


@dataclass
class _Draft:
    """A chunk in the making; rows are added in the order of the file."""

    most: Most
    first: int = 1
    begin: int = 0  # characters of the file before this chunk
    rows: list[Any] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    broken: dict[int, str] = field(default_factory=dict)

    @property
    def count(self) -> int:
        return len(self.numbers) + len(self.broken)

    def add(self, row: Any) -> None:
        self.numbers.append(self.first + self.count)
        self.rows.append(row)

    def reject(self, fault: str) -> None:
        self.broken[self.first + self.count] = fault

    def is_full(self, characters: int) -> bool:
        """`characters`: of the file that are read by now."""
        return self.count >= self.most.rows or characters - self.begin >= self.most.characters

    def chunk(self, columns: Columns, rows: list[Any], share: float) -> Chunk:
        """What was gathered; `rows` are tuples of the needed cells, or bare cells where only one is needed."""
        single = len(columns.needed) == 1
        across: Iterator[Any] | list[Any] = [rows] if single else zip(*rows, strict=True)
        cells = dict(zip(columns.needed, across, strict=True)) if rows else dict.fromkeys(columns.needed, ())
        return Chunk(columns, self.first, self.count, self.numbers, cells, self.broken, share)

    def next(self, characters: int) -> "_Draft":
        """An empty one for the rows behind these."""
        return _Draft(self.most, self.first + self.count, characters)


# --- CSV and TSV ---


def _csv_chunks(path: Path, names: ColumnNames, labelled: bool, most: Most) -> Iterator[Chunk]:
    with _opened(path) as (lines, share), _long_cells():
        rows = _csv_rows(lines, path)
        header = next(rows, [])
        if not header:
            raise DataError(f"{path}: is empty; give a file that holds comments")
        columns = find_columns(header, names, str(path), labelled=labelled)
        needed = operator.itemgetter(*(header.index(name) for name in columns.needed))
        width = len(header)
        draft = _Draft(most, begin=lines.characters)
        for row in rows:
            if len(row) == width:
                draft.add(needed(row))
            else:
                draft.reject(RAGGED)
            if draft.is_full(lines.characters):
                yield draft.chunk(columns, draft.rows, share())
                draft = draft.next(lines.characters)
        if draft.count:
            yield draft.chunk(columns, draft.rows, 1.0)


def _csv_rows(lines: _Lines, path: Path) -> Iterator[list[str]]:
    """The header and the rows, without empty lines."""
    reader = csv.reader(lines, delimiter="\t" if file_ending(path) == ".tsv" else ",")
    number = line = 0
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{path}: {_row(number)} holds a cell of over {LONGEST_CELL:,} characters; "
                "look for a quote that is opened there and never closed"
            ) from error
        if not row:
            continue
        if lines.ended and lines.odd and reader.line_num - line > 1:
            # All that follows the quote went into this one cell, so counting it as one row would mislead.
            raise DataError(
                f"{path}: {_row(number)} opens a quote that is never closed "
                f"({reader.line_num - line:,} lines to the end of the file); close it"
            )
        yield row
        number += 1
        line = reader.line_num


def _row(number: int) -> str:
    return f"row {number}" if number else "the header"


@contextlib.contextmanager
def _long_cells() -> Iterator[None]:
    # The csv module knows one limit for all of the process, 131,072 by default: a long comment exceeds it.
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


# --- JSON lines ---


def _json_chunks(path: Path, names: ColumnNames, labelled: bool, most: Most) -> Iterator[Chunk]:
    with _opened(path) as (lines, share):
        columns: Columns | None = None
        for draft in _json_drafts(lines, most):
            if columns is None:
                found = list(dict.fromkeys(key for item in draft.rows for key in item))
                columns = find_columns(found, names, str(path), labelled=labelled)
            needed = columns.needed
            rows = [tuple(plain_cell(item.get(name)) for name in needed) for item in draft.rows]
            yield draft.chunk(columns, rows if len(needed) > 1 else [row[0] for row in rows], share())
        if columns is None:
            raise DataError(f"{path}: is empty; give a file that holds comments")


def _json_drafts(lines: _Lines, most: Most) -> Iterator[_Draft]:
    """Chunks whose rows are still objects; blank lines do not count."""
    draft = _Draft(most)
    for line in lines:
        if not line.strip():
            continue
        item = _json_object(line)
        if item is None:
            draft.reject(NOT_JSON)
        else:
            draft.add(item)
        if draft.is_full(lines.characters):
            yield draft
            draft = draft.next(lines.characters)
    if draft.count:
        yield draft


def _json_object(line: str) -> dict[str, Any] | None:
    try:
        item = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return item if isinstance(item, dict) else None


# --- Parquet ---


def _parquet_chunks(path: Path, names: ColumnNames, labelled: bool, most: Most) -> Iterator[Chunk]:
    from retort.data.parquet import parquet_chunks

    return parquet_chunks(path, names, labelled, most)
