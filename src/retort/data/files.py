"""Reads a whole file of comments into one table."""

from pathlib import Path

import pyarrow as pa

from retort.config import ColumnNames
from retort.data.comments import Comments, Gatherer
from retort.data.parquet import arrow_cells
from retort.data.rows import file_ending, read_chunks
from retort.runs import data_sha256


def read_file(path: Path, columns: ColumnNames, *, labelled: bool = True, source: str | None = None) -> Comments:
    """The comments of one file; its ending tells the format, its header (or `columns`) what stands where.

    Without `labelled` only texts are needed, and ratings are neither read nor checked. `source` is what
    the report calls the file. Raises DataError for a file that is missing, unreadable or unfit, or that
    has more than 1 % faulty rows.
    """
    file_ending(path)
    digest = data_sha256(path)
    chunks = read_chunks(path, columns, labelled=labelled)
    first = next(chunks)
    gatherer = Gatherer(str(path), first.columns)
    gatherer.take(first)
    for chunk in chunks:
        gatherer.take(chunk)
    return gatherer.finish(source or str(path), digest)


def add_batch(gatherer: Gatherer, batch: pa.RecordBatch) -> None:
    """All needed columns of an Arrow batch, numbered on from the rows read before."""
    cells = {name: arrow_cells(batch.column(name)) for name in gatherer.columns.needed}
    first = gatherer.rows_read + 1
    gatherer.rows_read += batch.num_rows
    gatherer.add(cells, range(first, first + batch.num_rows))
