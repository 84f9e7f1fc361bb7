"""Tables of scored rows as CSV, JSON lines and Parquet files."""

import contextlib
import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any, Protocol

import numpy as np
import numpy.typing as npt

ID, VERDICT = "id", "verdict"
# Rows of one row group, the unit in which Parquet is read.
_GROUP_ROWS = 10_000


@dataclass(frozen=True)
class ScoredRows:
    """n rows in the order of the input.

    ids, verdicts: (n,). probabilities: (n, n_attributes). A row that could not be scored has NaN and None.
    """

    ids: Sequence[str]
    probabilities: npt.NDArray[np.float32]
    verdicts: Sequence[str | None]

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, begin: int, end: int) -> "ScoredRows":
        """The rows from `begin` to before `end`."""
        return ScoredRows(self.ids[begin:end], self.probabilities[begin:end], self.verdicts[begin:end])

    def records(self) -> Iterator[tuple[str, list[float | None], str | None]]:
        """Row by row: id, probabilities, verdict; numbers in the fewest digits that give the same float32."""
        shortest = self.probabilities.astype(np.str_).astype(np.float64)
        for identifier, numbers, verdict in zip(self.ids, shortest.tolist(), self.verdicts, strict=True):
            yield identifier, [None] * len(numbers) if verdict is None else numbers, verdict


class Table(Protocol):
    """A destination of scored rows."""

    def write(self, rows: ScoredRows) -> None:
        """Appends some rows."""


@contextlib.contextmanager
def _csv_table(file: IO[bytes], attributes: Sequence[str]) -> Iterator[Table]:
    table = _CsvTable(file)
    table.write_header(attributes)
    yield table


class _CsvTable:
    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._lines = io.StringIO()
        self._plain = csv.writer(self._lines, lineterminator="\n")
        # Python 3.11 does not quote a carriage return, at which a reader ends the line.
        self._quoting = csv.writer(self._lines, lineterminator="\n", quoting=csv.QUOTE_ALL)

    def write_header(self, attributes: Sequence[str]) -> None:
        self._plain.writerow([ID, *attributes, VERDICT])
        self._flush()

    def write(self, rows: ScoredRows) -> None:
        for identifier, numbers, verdict in rows.records():
            writer = self._quoting if "\r" in identifier else self._plain
            writer.writerow([identifier, *numbers, verdict])
        self._flush()

    def _flush(self) -> None:
        self._file.write(self._lines.getvalue().encode())
        self._lines.seek(0)
        self._lines.truncate()


@contextlib.contextmanager
def _jsonl_table(file: IO[bytes], attributes: Sequence[str]) -> Iterator[Table]:
    yield _JsonlTable(file, attributes)


class _JsonlTable:
    def __init__(self, file: IO[bytes], attributes: Sequence[str]) -> None:
        self._file = file
        self._attributes = attributes

    def write(self, rows: ScoredRows) -> None:
        for identifier, numbers, verdict in rows.records():
            row = {ID: identifier, **dict(zip(self._attributes, numbers, strict=True)), VERDICT: verdict}
            self._file.write(json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n")


@contextlib.contextmanager
def parquet_table(file: IO[bytes], attributes: Sequence[str]) -> Iterator[Table]:
    """A Parquet file with one row group for about every 10,000 rows; its footer is written when the block ends."""
    table = _ParquetTable(file, attributes)
    try:
        yield table
        table.finish()
    finally:
        table.close()


class _ParquetTable:
    def __init__(self, file: IO[bytes], attributes: Sequence[str]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        numbers = [(name, pa.float32()) for name in attributes]
        self._schema = pa.schema([(ID, pa.string()), *numbers, (VERDICT, pa.string())])
        # With a Python file, pyarrow passes on the system's own errors (a full disk).
        self._writer = pq.ParquetWriter(file, self._schema)
        self._group: list[Any] = []
        self._group_rows = 0

    def write(self, rows: ScoredRows) -> None:
        import pyarrow as pa

        missing = np.array([verdict is None for verdict in rows.verdicts], bool)
        numbers = [pa.array(column, pa.float32(), mask=missing) for column in rows.probabilities.T]
        columns = [pa.array(rows.ids, pa.string()), *numbers, pa.array(rows.verdicts, pa.string())]
        self._group.append(pa.record_batch(columns, schema=self._schema))
        self._group_rows += len(rows)
        if self._group_rows >= _GROUP_ROWS:
            self._write_group()

    def finish(self) -> None:
        """Writes the last row group and the footer."""
        self._write_group()
        self._writer.close()

    def close(self) -> None:
        """Errors while closing are ignored: left open, the writer would raise them when it is collected."""
        with contextlib.suppress(OSError, ValueError):
            self._writer.close()

    def _write_group(self) -> None:
        import pyarrow as pa

        if self._group:
            self._writer.write_table(pa.Table.from_batches(self._group), row_group_size=self._group_rows)
        self._group, self._group_rows = [], 0


# Ending of a file -> what opens such a table on a binary file, with the names of the probability columns.
TABLES: dict[str, Callable[[IO[bytes], Sequence[str]], contextlib.AbstractContextManager[Table]]] = {
    ".csv": _csv_table,
    ".jsonl": _jsonl_table,
    ".parquet": parquet_table,
}
