"""Reads CSV, TSV, JSON lines and Parquet files, plain or gzipped, a chunk of rows at a time."""

import contextlib
import csv
import gzip
import io
import json
import operator
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from retort.config import ColumnNames
from retort.data import comments
from retort.data.comments import Columns, Comments, Gatherer, find_columns
from retort.errors import DataError
from retort.runs import data_sha256

CHUNK = 20_000
# A comment of ten million characters is an unclosed quote, not a comment.
LONGEST_CELL = 10_000_000

_ENDINGS = (".csv", ".tsv", ".jsonl", ".parquet")


def read_file(path: Path, columns: ColumnNames, *, labelled: bool = True, source: str | None = None) -> Comments:
    """The comments of one file; its ending tells the format, its header (or `columns`) what stands where.

    Without `labelled` only texts are needed, and ratings are neither read nor checked. `source` is what
    the report calls the file. Raises DataError for a file that is missing, unreadable or unfit, or that
    has more than 1 % faulty rows.
    """
    ending = _ending(path)
    digest = data_sha256(path)
    read = {".csv": _read_csv, ".tsv": _read_csv, ".jsonl": _read_jsonl, ".parquet": _read_parquet}[ending]
    try:
        gatherer = read(path, columns, labelled)
    # pyarrow's own errors are ValueErrors and OSErrors.
    except (OSError, EOFError, zlib.error, pa.ArrowException) as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path}: is not a readable {ending[1:]} file ({said}); take a whole copy of it") from error
    return gatherer.finish(source or str(path), digest)


def _ending(path: Path) -> str:
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name a file ({', '.join(_ENDINGS)}, also .gz)")
    if not path.exists():
        raise DataError(f"{path}: no such file; check the path")
    if not path.is_file():
        raise DataError(f"{path}: is not a regular file; save its content in one")
    name = path.name.lower().removesuffix(".gz")
    ending = next((e for e in _ENDINGS if name.endswith(e)), None)
    if ending is None:
        raise DataError(f"{path}: unknown ending; give one of {', '.join(_ENDINGS)} (also .gz)")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: is empty; give a file that holds comments")
    return ending


@contextlib.contextmanager
def _opened_text(path: Path) -> Iterator[TextIO]:
    """The file as text; bytes that are no UTF-8 come through as lone surrogates, to be counted by row."""
    with _opened(path) as binary:
        start = binary.read(2)
        binary.seek(0)
        if start in (b"\xff\xfe", b"\xfe\xff"):
            raise DataError(f"{path}: is UTF-16; save it as UTF-8")
        with io.TextIOWrapper(binary, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
            yield text


def _opened(path: Path) -> gzip.GzipFile | io.BufferedReader:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")


# --- CSV and TSV ---


def _read_csv(path: Path, names: ColumnNames, labelled: bool) -> Gatherer:
    tabs = ".tsv" in path.name.lower()
    with _opened_text(path) as file, _long_cells():
        quotes = _QuoteCounter(file)
        reader = csv.reader(quotes, delimiter="\t" if tabs else ",")
        header = next((row for row in reader if row), [])
        if not header:
            raise DataError(f"{path}: is empty; give a file that holds comments")
        columns = find_columns(header, names, str(path), labelled=labelled)
        gatherer = Gatherer(str(path), columns)
        needed = operator.itemgetter(*(header.index(name) for name in columns.needed))
        rows: list[Any] = []
        numbers: list[int] = []
        for row in _csv_rows(reader, gatherer, len(header), quotes):
            rows.append(needed(row))
            numbers.append(gatherer.rows_read)
            if len(rows) == CHUNK:
                _add_rows(gatherer, columns, rows, numbers)
                rows, numbers = [], []
        if rows:
            _add_rows(gatherer, columns, rows, numbers)
    return gatherer


def _csv_rows(reader: Any, gatherer: Gatherer, width: int, quotes: "_QuoteCounter") -> Iterator[list[str]]:
    """The rows that have as many cells as the header; others are counted as faults."""
    line = reader.line_num
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                f"{gatherer.where}: row {gatherer.rows_read + 1} holds a cell of over {LONGEST_CELL:,} characters; "
                "look for a quote that is opened there and never closed"
            ) from error
        if not row:
            continue
        gatherer.rows_read += 1
        if len(row) == width:
            yield row
        else:
            gatherer.faults.add(comments.RAGGED, gatherer.rows_read)
        if quotes.ended and quotes.odd and reader.line_num - line > 1:
            # All that follows the quote went into this one cell, so counting it as one row would mislead.
            raise DataError(
                f"{gatherer.where}: row {gatherer.rows_read} opens a quote that is never closed "
                f"({reader.line_num - line:,} lines to the end of the file); close it"
            )
        line = reader.line_num


class _QuoteCounter:
    """The lines of a file, and whether an odd number of quotes went by."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self.odd = False
        self.ended = False

    def __iter__(self) -> "_QuoteCounter":
        return self

    def __next__(self) -> str:
        try:
            line = next(self._lines)
        except StopIteration:
            self.ended = True
            raise
        if '"' in line:
            self.odd ^= bool(line.count('"') % 2)
        return line


@contextlib.contextmanager
def _long_cells() -> Iterator[None]:
    # The csv module knows one limit for all of the process, 131,072 by default: a long comment exceeds it.
    before = csv.field_size_limit(LONGEST_CELL)
    try:
        yield
    finally:
        csv.field_size_limit(before)


def _add_rows(gatherer: Gatherer, columns: Columns, rows: list[Any], numbers: list[int]) -> None:
    # A single needed column comes as bare cells.
    cells = dict(zip(columns.needed, zip(*rows, strict=True) if len(columns.needed) > 1 else [rows], strict=True))
    gatherer.add(cells, numbers)


# --- JSON lines ---


def _read_jsonl(path: Path, names: ColumnNames, labelled: bool) -> Gatherer:
    with _opened_text(path) as file:
        gatherer: Gatherer | None = None
        for objects, numbers, broken, count in _json_chunks(file):
            if gatherer is None:
                # Keys may be left out of single lines, so the first chunk's lines are looked at together.
                found = list(dict.fromkeys(key for item in objects for key in item))
                gatherer = Gatherer(str(path), find_columns(found, names, str(path), labelled=labelled))
            gatherer.rows_read += count
            for number in broken:
                gatherer.faults.add(comments.NOT_JSON, number)
            if objects:
                needed = gatherer.columns.needed
                rows = [tuple(_hashable(item.get(name)) for name in needed) for item in objects]
                rows = rows if len(needed) > 1 else [row[0] for row in rows]
                _add_rows(gatherer, gatherer.columns, rows, numbers)
    if gatherer is None:
        raise DataError(f"{path}: is empty; give a file that holds comments")
    return gatherer


def _json_chunks(file: TextIO) -> Iterator[tuple[list[dict[str, Any]], list[int], list[int], int]]:
    """(objects, their row numbers, row numbers of broken lines, rows of the chunk); blank lines do not count."""
    objects: list[dict[str, Any]] = []
    numbers: list[int] = []
    broken: list[int] = []
    row = 0
    begin = 0
    for line in file:
        if not line.strip():
            continue
        row += 1
        item = _json_object(line)
        if item is None:
            broken.append(row)
        else:
            objects.append(item)
            numbers.append(row)
        if row - begin == CHUNK:
            yield objects, numbers, broken, row - begin
            objects, numbers, broken, begin = [], [], [], row
    if row > begin:
        yield objects, numbers, broken, row - begin


def _json_object(line: str) -> dict[str, Any] | None:
    try:
        item = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return item if isinstance(item, dict) else None


def _hashable(cell: Any) -> Any:
    # Lists and objects are no text and no number; as a tuple they can be told so like any other cell.
    return (str(cell),) if isinstance(cell, list | dict) else cell


# --- Parquet ---


def _read_parquet(path: Path, names: ColumnNames, labelled: bool) -> Gatherer:
    with _opened(path) as binary:
        whole = io.BytesIO(binary.read()) if path.suffix.lower() == ".gz" else binary
        file = pq.ParquetFile(whole)
        columns = find_columns(file.schema_arrow.names, names, str(path), labelled=labelled)
        gatherer = Gatherer(str(path), columns)
        for batch in file.iter_batches(CHUNK, columns=columns.needed):
            add_batch(gatherer, batch)
    return gatherer


def add_batch(gatherer: Gatherer, batch: pa.RecordBatch) -> None:
    """All needed columns of an Arrow batch, numbered on from the rows read before."""
    cells = {name: arrow_cells(batch.column(name)) for name in gatherer.columns.needed}
    first = gatherer.rows_read + 1
    gatherer.rows_read += batch.num_rows
    gatherer.add(cells, range(first, first + batch.num_rows))


def arrow_cells(column: pa.Array) -> list[Any] | np.ndarray:
    """Numbers as a float64 array with NaN for null, all else as a list of Python values."""
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        return (
            np.asarray(column.to_pandas(), dtype=np.float64)
            if column.null_count
            else column.to_numpy(zero_copy_only=False)
        )
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return [None if cell is None else cell.decode("utf-8", "surrogateescape") for cell in column.to_pylist()]
    try:
        return [_hashable(cell) for cell in column.to_pylist()]
    except UnicodeDecodeError:
        return arrow_cells(column.cast(pa.large_binary()))
