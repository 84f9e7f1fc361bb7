"""Where scores go: one file of CSV, JSON lines or Parquet, or a folder of Parquet shards. All of it, or nothing."""

import contextlib
import csv
import errno
import importlib.metadata
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np
import numpy.typing as npt

from retort import runs
from retort.errors import ConfigError, ResourceError
from retort.inference.predictor import Verdict

SHARD_ROWS = 100_000
# Rows that become one row group, the unit in which readers of Parquet take a file apart.
_GROUP_ROWS = 10_000
_ID, _VERDICT = "id", "verdict"
# Whoever names one of these wants a file, and would be surprised by a folder of that name.
_NOT_WRITTEN = (".gz", ".tsv", ".json", ".txt", ".xlsx", ".zip", ".arrow", ".feather")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS)
_NO_PLACE = (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG)


@dataclass(frozen=True)
class ScoredRows:
    """n rows in the order of the input.

    ids, verdicts: (n,). probabilities: (n, n_attributes). A row that could not be scored has NaN and None.
    """

    ids: Sequence[str]
    probabilities: npt.NDArray[np.float32]
    verdicts: Sequence[Verdict | None]

    def __len__(self) -> int:
        return len(self.ids)

    def part(self, begin: int, end: int) -> "ScoredRows":
        """The rows from `begin` to before `end`."""
        return ScoredRows(self.ids[begin:end], self.probabilities[begin:end], self.verdicts[begin:end])

    def records(self) -> Iterator[tuple[str, list[float | None], Verdict | None]]:
        """Row by row: id, probabilities, verdict. The numbers are the shortest that are the same as float32."""
        shortest = self.probabilities.astype(np.str_).astype(np.float64)
        for identifier, numbers, verdict in zip(self.ids, shortest.tolist(), self.verdicts, strict=True):
            yield identifier, [None] * len(numbers) if verdict is None else numbers, verdict


class Table(Protocol):
    """Takes scored rows, a part at a time."""

    def write(self, rows: ScoredRows) -> None:
        """Some more rows."""


def refuse_existing(out: Path) -> None:
    """Raises ConfigError when scores cannot go to `out`: it is there already, or has an ending that is not written."""
    if out.suffix.lower() in _NOT_WRITTEN:
        raise ConfigError(f"{out}: {out.suffix} is not written; end it with {', '.join(_TABLES)}, or name a folder")
    try:
        there = out.exists() and (_is_file(out) or not out.is_dir() or any(out.iterdir()))
    except OSError as error:
        raise _told(out, error) from error
    if there:
        raise ConfigError(f"{out}: is there already; name another place")


def needs_pyarrow(out: Path) -> bool:
    """Whether what is written to `out` is Parquet."""
    return not _is_file(out) or out.suffix.lower() == ".parquet"


@contextlib.contextmanager
def writing(out: Path, attributes: Sequence[str], about: Mapping[str, Any]) -> Iterator[Table]:
    """What to write scores to. They are at `out` when the block ends well; else nothing is.

    `about`, what made them, goes into the manifest of a folder. Raises ConfigError when `out` is there already or
    cannot be, ResourceError when the disk is full or read-only.
    """
    refuse_existing(out)
    if _is_file(out):
        with _file_written_whole(out) as file, _TABLES[out.suffix.lower()](file, attributes) as table:
            yield table
        return
    with runs.written_whole(out) as folder:
        shards = _Shards(folder, attributes)
        with shards:
            yield shards
        runs.write_json(folder / runs.MANIFEST, shards.manifest(about))


def _is_file(out: Path) -> bool:
    return out.suffix.lower() in _TABLES


@contextlib.contextmanager
def _file_written_whole(path: Path) -> Iterator[IO[bytes]]:
    """As runs.written_whole, for a single file."""
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            yield file
        refuse_existing(path)
        partial.rename(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError):
            raise _told(path, error) from error
        raise


def _told(path: Path, error: OSError) -> Exception:
    """What to say of a place that cannot be written."""
    if error.errno in _NO_PLACE:
        return ConfigError(
            f"{path}: cannot be {'a file' if _is_file(path) else 'a folder'} ({error.strerror}); name another place"
        )
    if error.errno in _NO_ROOM:
        return ResourceError(f"{path}: {error.strerror}; free some space or name another place")
    return error


# --- formats: what each makes of an open file ---


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
        self._plain.writerow([_ID, *attributes, _VERDICT])
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
            row = {_ID: identifier, **dict(zip(self._attributes, numbers, strict=True)), _VERDICT: verdict}
            self._file.write(json.dumps(row, ensure_ascii=False, allow_nan=False).encode() + b"\n")


@contextlib.contextmanager
def _parquet_table(file: IO[bytes], attributes: Sequence[str]) -> Iterator[Table]:
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
        self._schema = pa.schema([(_ID, pa.string()), *numbers, (_VERDICT, pa.string())])
        # Given a Python file, whatever goes wrong with it comes through as the system told it.
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
        """All that was given, and what makes it a whole file."""
        self._write_group()
        self._writer.close()

    def close(self) -> None:
        """Nothing more is written, and nobody hears of what cannot be: left open, it would complain when collected."""
        with contextlib.suppress(OSError, ValueError):
            self._writer.close()

    def _write_group(self) -> None:
        import pyarrow as pa

        if self._group:
            self._writer.write_table(pa.Table.from_batches(self._group), row_group_size=self._group_rows)
        self._group, self._group_rows = [], 0


_TABLES: dict[str, Callable[[IO[bytes], Sequence[str]], contextlib.AbstractContextManager[Table]]] = {
    ".csv": _csv_table,
    ".jsonl": _jsonl_table,
    ".parquet": _parquet_table,
}


# --- shards ---


class _Shards:
    """Parquet files of SHARD_ROWS rows each, but for the last one."""

    def __init__(self, folder: Path, attributes: Sequence[str]) -> None:
        self._folder = folder
        self._attributes = attributes
        self._open = contextlib.ExitStack()
        self._table: Table | None = None
        self._shards: list[dict[str, Any]] = []
        self._rejected = 0

    def __enter__(self) -> "_Shards":
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)

    def write(self, rows: ScoredRows) -> None:
        begin = 0
        while begin < len(rows):
            if self._table is None:
                self._table = self._next()
            shard = self._shards[-1]
            part = rows.part(begin, begin + SHARD_ROWS - shard["rows"])
            self._table.write(part)
            shard["rows"] += len(part)
            begin += len(part)
            if shard["rows"] == SHARD_ROWS:
                self._open.close()
                self._table = None
        self._rejected += sum(verdict is None for verdict in rows.verdicts)

    def manifest(self, about: Mapping[str, Any]) -> dict[str, Any]:
        """What is in the folder, once all of it is written."""
        return {
            "schema": 1,
            "columns": [_ID, *self._attributes, _VERDICT],
            "rows": sum(shard["rows"] for shard in self._shards),
            "rejected": self._rejected,
            "shards": [{**shard, "sha256": runs.sha256(self._folder / shard["file"])} for shard in self._shards],
            **about,
            "retort": importlib.metadata.version("retort-nlp"),
            "time": runs.utc_now(),
        }

    def _next(self) -> Table:
        name = f"part-{len(self._shards):05d}.parquet"
        self._shards.append({"file": name, "rows": 0})
        file = self._open.enter_context((self._folder / name).open("xb"))
        return self._open.enter_context(_parquet_table(file, self._attributes))
