"""Reads comments of a Hugging Face data set: drawn rows only, from Parquet files, at one pinned commit."""

import contextlib
import errno
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from retort.config import ColumnNames
from retort.data.columns import find_columns
from retort.data.comments import Comments, Gatherer, ReadReport
from retort.data.faults import DUPLICATE, Dropped, Faults
from retort.data.files import add_batch
from retort.data.parquet import arrow_cells
from retort.errors import ConfigError, DataError, ResourceError, RetortError
from retort.runs import SPLIT_NAMES
from retort.text import fold

# The commits read when no revision is asked for; other data sets are read at their newest one.
PINNED = {"google/civil_comments": "f2970eb3a55777454c94069077cc8d9b5866312d"}

# Together with the import of huggingface_hub this stays within five seconds.
REACH_SECONDS = 3.0
# What one more request costs, in bytes that could have been read meanwhile (50 ms at 5 MB/s).
REQUEST_BYTES = 256 * 1024
_CONNECTIONS = 4
_COMMIT = re.compile("[0-9a-f]{40}")
_LOCAL = "give a local file with --data FILE, or take the quickstart preset, which needs no network"


def read_hub(
    hub_id: str,
    revision: str | None,
    *,
    comments: int | None,
    seed: int,
    official_splits: bool,
    taken: Iterable[str] = (),
    columns: ColumnNames | None = None,
) -> Comments:
    """Comments of the data set's `train` split: all of them, or as many as asked, drawn uniformly.

    A drawn row that is faulty, or whose text was drawn before or is among the `taken` ones, is replaced by
    the next one drawn. With `official_splits` validation and test are read as well, whole (their texts are
    taken), and `frame` has the column `split`.
    Raises DataError within five seconds when the hub cannot be reached, ConfigError when fewer comments
    are there than asked.
    """
    with _failures_told(hub_id):
        needed = SPLIT_NAMES if official_splits else ("train",)
        repository = _find(hub_id, revision or PINNED.get(hub_id), needed)
        names = columns or ColumnNames()
        train = repository.split("train", names)
        others = {name: _all(repository.split(name, names)) for name in needed if name != "train"}
        if comments is None:
            drawn = _all(train)
        else:
            seen = {
                fold(text) for texts in (taken, *(part.frame["text"] for part in others.values())) for text in texts
            }
            drawn = _drawn(train, comments, seed, seen)
    return _joined({"train": drawn} | others, repository.name) if others else drawn


# --- rows out of Parquet files ---


@dataclass(frozen=True)
class HubFile:
    """One Parquet file: a local path, or a name to read from the hub."""

    name: str
    size: int
    path: Path | None


@dataclass(frozen=True)
class Repository:
    """A data set at one commit."""

    hub_id: str
    commit: str
    files: tuple[HubFile, ...]

    @property
    def name(self) -> str:
        return f"{self.hub_id}@{self.commit}"

    def split(self, split: str, names: ColumnNames) -> "SplitRows":
        """The rows of one split, by the usual names: `data/train-00000-of-00002.parquet`, `train/0000.parquet`."""
        files = tuple(f for f in self.files if _split_of(f.name) == split)
        if not files:
            raise DataError(f"{self.name}: no Parquet files of a split {split!r}; {_LOCAL}")
        return SplitRows(self, split, files, names)

    def fetched(self, file: HubFile) -> HubFile:
        """The same file, downloaded whole to the Hugging Face cache."""
        import huggingface_hub

        path = huggingface_hub.hf_hub_download(
            self.hub_id, file.name, repo_type="dataset", revision=self.commit, etag_timeout=REACH_SECONDS
        )
        return replace(file, path=Path(path))

    def opened(self, file: HubFile) -> Any:
        """A seekable binary file; of a remote one each read fetches just the bytes asked for."""
        if file.path is not None:
            return file.path.open("rb")
        import huggingface_hub

        path = f"datasets/{self.hub_id}@{self.commit}/{file.name}"
        return huggingface_hub.HfFileSystem().open(path, "rb", cache_type="none")


def _split_of(name: str) -> str | None:
    match = re.search(r"(?:^|/)(train|validation|test)(?:[-./][^/]*)?\.parquet$", name)
    return match[1] if match else None


@dataclass(frozen=True)
class RowGroup:
    """A run of rows that is read at once."""

    file: int
    index: int
    first_row: int
    rows: int
    size: int


class SplitRows:
    """The rows of one split, numbered from 0 across its files."""

    def __init__(self, repository: Repository, split: str, files: tuple[HubFile, ...], names: ColumnNames) -> None:
        self.name = f"{repository.name} ({split})"
        self._repository = repository
        self._files = files
        with ThreadPoolExecutor(_CONNECTIONS) as pool:
            self._metadata = list(pool.map(self._read_metadata, files))
        found: list[str] = self._metadata[0].schema.to_arrow_schema().names
        self.columns = find_columns(found, names, self.name, labelled=True)

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
                size = sum(c.total_compressed_size for c in chunks if c.path_in_schema in self.columns.needed)
                groups.append(RowGroup(number, index, first, group.num_rows, size))
                first += group.num_rows
        return groups

    @property
    def rows(self) -> int:
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
                return file.read_row_group(group.index, columns=self.columns.needed, use_threads=False)

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


def _all(split: SplitRows) -> Comments:
    split.prepare(np.arange(split.rows))
    gatherer = Gatherer(split.name, split.columns)
    for table in split.batches(split.groups):
        for batch in table.combine_chunks().to_batches():
            add_batch(gatherer, batch)
    return gatherer.finish(split.name, None)


def _drawn(split: SplitRows, comments: int, seed: int, seen: set[str]) -> Comments:
    if comments > split.rows:
        raise ConfigError(f"data.comments = {comments}: {split.name} has only {split.rows} rows; ask for fewer")
    order = np.random.default_rng(seed).permutation(split.rows)
    split.prepare(order[:comments])
    gatherer = Gatherer(split.name, split.columns)
    duplicates = Faults()
    kept = 0
    while kept < comments:
        indices = order[gatherer.rows_read : gatherer.rows_read + comments - kept]
        if not len(indices):
            raise ConfigError(
                f"data.comments = {comments}: {split.name} has only {kept} usable comments that differ; ask for fewer"
            )
        table = split.take(indices)
        first = _first_seen(table.column(split.columns.text).combine_chunks(), seen)
        for row in indices[~first]:
            duplicates.add(DUPLICATE, int(row) + 1)
        fresh = table.filter(pa.array(first))
        cells = {name: arrow_cells(fresh.column(name).combine_chunks()) for name in split.columns.needed}
        kept += int(gatherer.add(cells, [int(row) + 1 for row in indices[first]]).sum())
        gatherer.rows_read += len(indices)
    result = gatherer.finish(split.name, None)
    return replace(result, report=replace(result.report, dropped=result.report.dropped | duplicates.dropped()))


def _first_seen(texts: pa.Array, seen: set[str]) -> np.ndarray:
    """Which of the texts were not met before; adds them to `seen`. What is no text is left for others to judge."""
    first = np.ones(len(texts), bool)
    for i, text in enumerate(arrow_cells(texts)):
        if isinstance(text, str) and text.strip():
            key = fold(text)
            first[i] = key not in seen
            seen.add(key)
    return first


def _joined(parts: dict[str, Comments], name: str) -> Comments:
    """The official splits as one: train keeps its row numbers as ids, the others' stand behind their split's name."""
    frames = []
    for split, part in parts.items():
        frame = part.frame.assign(split=split)
        if split != "train":
            frame["id"] = f"{split}-" + frame["id"]
        frames.append(frame)
    reports = {split: part.report for split, part in parts.items()}
    dropped: dict[str, Dropped] = {
        f"{fault} ({split})": found for split, report in reports.items() for fault, found in report.dropped.items()
    }
    rows_read = sum(report.rows_read for report in reports.values())
    train = parts["train"]
    report = ReadReport(name, None, rows_read, dropped)
    return Comments(pd.concat(frames, ignore_index=True), train.attributes, train.identities, report)


# --- the hub, or its cache ---


def _find(hub_id: str, revision: str | None, needed: Sequence[str]) -> Repository:
    """The data set's Parquet files: from the cache when those of the needed splits are there, else on the hub."""
    from huggingface_hub import HfApi, constants

    cached = _cached(hub_id, revision, needed) if revision and _COMMIT.fullmatch(revision) else None
    if cached:
        return cached
    if constants.HF_HUB_OFFLINE:
        raise DataError(f"{hub_id}: not in the cache, and HF_HUB_OFFLINE forbids to fetch it; {_LOCAL}")
    _check_reachable(hub_id, constants.ENDPOINT)
    info = HfApi().dataset_info(hub_id, revision=revision, files_metadata=True, timeout=10)
    files = tuple(
        HubFile(sibling.rfilename, sibling.size or 0, None)
        for sibling in sorted(info.siblings or [], key=lambda s: s.rfilename)
        if _split_of(sibling.rfilename)
    )
    return Repository(hub_id, str(info.sha), files)


def _cached(hub_id: str, commit: str, needed: Sequence[str]) -> Repository | None:
    """The data set from the Hugging Face cache, or None unless every file of the needed splits is there."""
    import huggingface_hub

    try:
        folder = Path(
            huggingface_hub.snapshot_download(hub_id, repo_type="dataset", revision=commit, local_files_only=True)
        )
    except (huggingface_hub.errors.LocalEntryNotFoundError, OSError):
        return None
    paths = sorted(path for path in folder.rglob("*.parquet") if _split_of(path.relative_to(folder).as_posix()))
    if not _complete([path.name for path in paths], needed):
        return None
    files = [HubFile(path.relative_to(folder).as_posix(), path.stat().st_size, path) for path in paths]
    return Repository(hub_id, commit, tuple(files))


def _complete(names: Sequence[str], needed: Sequence[str]) -> bool:
    """Whether the needed splits are whole, by the count in names like `train-00000-of-00002.parquet`."""

    def whole(split: str) -> bool:
        counts = [int(m[1]) for name in names if (m := re.fullmatch(rf"{split}-\d+-of-(\d+).*\.parquet", name))]
        return bool(counts) and len(counts) == counts[0]

    return all(whole(split) for split in needed)


def _check_reachable(hub_id: str, endpoint: str) -> None:
    """Raises DataError when nothing answers: without this, a client without a network retries for half a minute."""
    failure: list[str] = ["no answer"]

    def knock() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=REACH_SECONDS)
        except urllib.error.HTTPError:
            pass  # any answer will do
        except (OSError, ValueError) as error:
            failure[:] = [str(getattr(error, "reason", None) or error)]
            return
        failure.clear()

    # A name look-up knows no timeout, so it is left behind in a thread when it takes too long.
    thread = threading.Thread(target=knock, daemon=True)
    thread.start()
    thread.join(REACH_SECONDS)
    if failure:
        raise DataError(f"{hub_id}: {endpoint} cannot be reached ({failure[0]}); {_LOCAL}")


@contextlib.contextmanager
def _failures_told(hub_id: str) -> Iterator[None]:
    try:
        yield
    except RetortError:
        raise
    # The hub's client, its HTTP library, fsspec and pyarrow each raise kinds of their own; all mean the same here.
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise ResourceError(
                f"{hub_id}: {error.strerror} at {error.filename}; free some space, or set HF_HOME"
            ) from error
        said = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DataError(f"{hub_id}: could not be read from the hub ({said}); {_LOCAL}") from error
