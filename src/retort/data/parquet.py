"""The rows of a Parquet file, read by pages rather than by row groups, which may be as large as the file."""

import gzip
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from retort.config import ColumnNames
from retort.data.columns import find_columns
from retort.data.rows import Cells, Chunk, Most, is_packed, plain_cell, unreadable
from retort.errors import ResourceError

_BUFFER_BYTES = 1 << 20


def parquet_chunks(path: Path, names: ColumnNames, labelled: bool, most: Most) -> Iterator[Chunk]:
    """As `rows.read_chunks`; only `most.rows` bounds a chunk."""
    if not is_packed(path):
        yield from _chunks(path, path, names, labelled, most)
        return
    # It is read from its end, which gzip cannot do.
    with tempfile.NamedTemporaryFile(prefix="retort-", suffix=".parquet") as plain:
        with gzip.open(path, "rb") as packed:
            try:
                shutil.copyfileobj(packed, plain)
                plain.flush()
            except OSError as error:
                if error.errno is None:  # gzip's own
                    raise
                raise ResourceError(f"{plain.name}: {error.strerror}; unpack {path} where there is room") from error
        yield from _chunks(Path(plain.name), path, names, labelled, most)


def _chunks(stored: Path, path: Path, names: ColumnNames, labelled: bool, most: Most) -> Iterator[Chunk]:
    """`stored` is what is read, `path` what the user calls it."""
    try:
        # Reading ahead would hold whole row groups.
        with pq.ParquetFile(stored, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file:
            columns = find_columns(file.schema_arrow.names, names, str(path), labelled=labelled)
            numeric = set(columns.numeric.values())
            rows = max(1, file.metadata.num_rows)
            first = 1
            for batch in file.iter_batches(most.rows, columns=columns.needed):
                count = batch.num_rows
                cells = {
                    name: arrow_cells(batch.column(name)) if name in numeric else values(batch.column(name))
                    for name in columns.needed
                }
                numbers = range(first, first + count)
                first += count
                yield Chunk(columns, numbers.start, count, numbers, cells, {}, (first - 1) / rows)
    # pyarrow's own errors are ValueErrors and OSErrors.
    except pa.ArrowException as error:
        raise unreadable(path, error) from error


def arrow_cells(column: pa.Array) -> Cells:
    """Numbers as a float64 array with NaN for null, all else as a list of Python values."""
    kind = column.type
    if pa.types.is_floating(kind) or pa.types.is_integer(kind):
        return (
            np.asarray(column.to_pandas(), dtype=np.float64)
            if column.null_count
            else column.to_numpy(zero_copy_only=False)
        )
    return values(column)


def values(column: pa.Array) -> list[Any]:
    """Python values, each as it is stored; bytes that are no UTF-8 as lone surrogates."""
    kind = column.type
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return [None if cell is None else cell.decode("utf-8", "surrogateescape") for cell in column.to_pylist()]
    try:
        return [plain_cell(cell) for cell in column.to_pylist()]
    except UnicodeDecodeError:
        return values(column.cast(pa.large_binary()))
