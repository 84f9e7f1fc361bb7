"""Reads comments of a Hugging Face data set: only the drawn rows, from Parquet files, at one pinned commit.

Not with `datasets` or `pyarrow.dataset`, which fetch whole files where a few row groups are enough.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from retort.data.arrow import cells_of
from retort.data.checks import CheckedRows, check
from retort.data.chunks import RawChunk
from retort.data.columns import Columns, find_columns
from retort.data.comments import Comments, ReadReport, gather
from retort.data.faults import DUPLICATE, Faults
from retort.data.files import NamedChunk
from retort.data.hub_files import HubFile, Repository, as_data_errors, find_repository
from retort.errors import ConfigError
from retort.runs import SPLIT_NAMES
from retort.tasks import Task
from retort.tasks.task import TEXT
from retort.text import fold

# The cost of a request, in bytes that could be read in the same time (50 ms at 5 MB/s).
REQUEST_BYTES = 256 * 1024
_CONNECTIONS = 4


def read_hub(
    hub_id: str,
    revision: str | None,
    task: Task,
    columns: Mapping[str, str],
    *,
    comments: int | None,
    seed: int,
    official_splits: bool,
    taken: Iterable[str] = (),
) -> Comments:
    """Comments of the data set's `train` split: all of them, or `comments` drawn uniformly.

    A drawn row that is faulty, or whose text was drawn before or is among the `taken` ones, is replaced by
    the next one drawn. With `official_splits` validation and test are read as well, whole (their texts are
    taken), and `frame` has the column `split`.
    Raises DataError within five seconds when the hub cannot be reached, ConfigError when it has fewer
    comments than requested.
    """
    with as_data_errors(hub_id):
        needed = SPLIT_NAMES if official_splits else ("train",)
        repository = find_repository(hub_id, revision, needed)
        parts = {name: SplitRows(repository, name, task, columns) for name in needed}
        others = {name: _all(part) for name, part in parts.items() if name != "train"}
        if comments is None:
            drawn = _all(parts["train"])
        else:
            seen = {fold(text) for text in taken} | {
                fold(text) for other in others.values() for text in other.frame["text"]
            }
            drawn = _drawn(parts["train"], comments, seed, seen)
    return _joined({"train": drawn} | others, repository.name) if others else drawn


@dataclass(frozen=True)
class RowGroup:
    """Rows that are read at once. file: number of their file; index: theirs in the file; size: bytes to fetch."""

    file: int
    index: int
    first_row: int
    rows: int
    size: int


class SplitRows:
    """The rows of one split, numbered from 0 across its files."""

    def __init__(self, repository: Repository, split: str, task: Task, columns: Mapping[str, str]) -> None:
        self.name = f"{repository.name} ({split})"
        self._repository = repository
        self._files = repository.files_of(split)
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            self._metadata = list(pool.map(self._read_metadata, self._files))
        found: list[str] = self._metadata[0].schema.to_arrow_schema().names
        self.columns: Columns = find_columns(found, columns, task, self.name, labelled=True)
        self._headers = list(self.columns.headers.values())

    def _read_metadata(self, file: HubFile) -> Any:
        with self._repository.opened(file) as binary:
            return pq.read_metadata(binary)

    @cached_property
    def groups(self) -> list[RowGroup]:
        """All row groups in order, with the bytes of their needed columns."""
        groups, first = [], 0
        for number, metadata in enumerate(self._metadata):
            for index in range(metadata.num_row_groups):
                group = metadata.row_group(index)
                chunks = [group.column(c) for c in range(group.num_columns)]
                size = sum(c.total_compressed_size for c in chunks if c.path_in_schema in self._headers)
                groups.append(RowGroup(number, index, first, group.num_rows, size))
                first += group.num_rows
        return groups

    @property
    def rows(self) -> int:
        """The number of rows."""
        return sum(group.rows for group in self.groups)

    def touched(self, indices: np.ndarray) -> list[RowGroup]:
        """The row groups that hold the given rows, in order."""
        starts = [group.first_row for group in self.groups]
        # An empty group starts where the next one does; the rightmost is the one with the row.
        return [self.groups[i] for i in np.unique(np.searchsorted(starts, indices, side="right") - 1)]

    def prepare(self, indices: np.ndarray) -> None:
        """Downloads the files whole when reading the rows one group at a time would cost as much."""
        groups = self.touched(indices)
        files = list(self._files)
        for number, file in enumerate(files):
            mine = [group for group in groups if group.file == number]
            if file.path is None and mine and sum(g.size + REQUEST_BYTES for g in mine) >= file.size:
                files[number] = self._repository.fetched(file)
        self._files = tuple(files)

    def batches(self, groups: Sequence[RowGroup]) -> Iterator[pa.Table]:
        """The needed columns of the given row groups, one table each, a few fetched at a time."""

        def read(group: RowGroup) -> pa.Table:
            with self._repository.opened(self._files[group.file]) as binary:
                # pre_buffer joins the columns of a group into one request.
                file = pq.ParquetFile(binary, metadata=self._metadata[group.file], pre_buffer=True)
                return file.read_row_group(group.index, columns=self._headers, use_threads=False)

        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            for start in range(0, len(groups), _CONNECTIONS):
                yield from pool.map(read, groups[start : start + _CONNECTIONS])

    def take(self, indices: np.ndarray) -> pa.Table:
        """The given rows in the given order."""
        order = np.argsort(indices, kind="stable")
        ascending = indices[order]
        groups = self.touched(indices)
        tables = []
        for group, table in zip(groups, self.batches(groups), strict=True):
            low, high = np.searchsorted(ascending, [group.first_row, group.first_row + group.rows])
            tables.append(table.take(pa.array(ascending[low:high] - group.first_row)))
        return pa.concat_tables(tables).take(pa.array(np.argsort(order, kind="stable")))

    def checked(self, table: pa.Table, numbers: Sequence[int]) -> CheckedRows:
        """Rows of the split, checked; `numbers` counts them from 1."""
        cells = {header: cells_of(table.column(header).combine_chunks()) for header in self._headers}
        return check(NamedChunk(self.columns, numbers, RawChunk(table.num_rows, cells, {}, 1.0)))


def _all(split: SplitRows) -> Comments:
    split.prepare(np.arange(split.rows))
    checked = (
        split.checked(table, range(group.first_row + 1, group.first_row + 1 + group.rows))
        for group, table in zip(split.groups, split.batches(split.groups), strict=True)
    )
    return gather(checked, split.columns, split.name)


def _drawn(split: SplitRows, comments: int, seed: int, seen: set[str]) -> Comments:
    """`comments` usable rows whose texts differ from one another and from `seen`."""
    if comments > split.rows:
        raise ConfigError(f"data.comments = {comments}: {split.name} has only {split.rows} rows; ask for fewer")
    order = np.random.default_rng(seed).permutation(split.rows)
    split.prepare(order[:comments])
    duplicates = Faults()
    return gather(_draws(split, order, comments, seen, duplicates), split.columns, split.name, duplicates=duplicates)


def _draws(
    split: SplitRows, order: np.ndarray, comments: int, seen: set[str], duplicates: Faults
) -> Iterator[CheckedRows]:
    """Rows in the given order until `comments` of them are usable; adds those whose text is `seen` to `duplicates`."""
    kept = at = 0
    while kept < comments:
        indices = order[at : at + comments - kept]
        at += len(indices)
        if not len(indices):
            raise ConfigError(
                f"data.comments = {comments}: {split.name} has only {kept} usable comments that differ; ask for fewer"
            )
        table = split.take(indices)
        fresh = _first_seen(table.column(split.columns.headers[TEXT]).combine_chunks(), seen)
        for index in indices[~fresh]:
            duplicates.add(DUPLICATE, int(index) + 1)
        rows = split.checked(table.filter(pa.array(fresh)), [int(index) + 1 for index in indices[fresh]])
        kept += len(rows.places)
        yield rows


def _first_seen(texts: pa.Array, seen: set[str]) -> np.ndarray:
    """Which of the texts are not in `seen`; adds them. A blank one, or one that is no text, is left to the checks."""
    first = np.ones(len(texts), bool)
    for i, text in enumerate(cells_of(texts)):
        if isinstance(text, str) and text.strip():
            key = fold(text)
            first[i] = key not in seen
            seen.add(key)
    return first


def _joined(parts: dict[str, Comments], name: str) -> Comments:
    """The official splits as one. Ids of train stay row numbers; the others' are preceded by their split's name."""
    frames = [
        part.frame.assign(split=split, id=("" if split == "train" else f"{split}-") + part.frame["id"])
        for split, part in parts.items()
    ]
    dropped = {
        f"{fault} ({split})": rows for split, part in parts.items() for fault, rows in part.report.dropped.items()
    }
    report = ReadReport(name, None, sum(part.report.rows_read for part in parts.values()), dropped)
    return replace(parts["train"], frame=pd.concat(frames, ignore_index=True), report=report)
