"""Parquet, read by pages with pyarrow: a row group may be as large as the file."""

from collections.abc import Iterator
from pathlib import Path

from retort.data.chunks import Choose, ChunkLimit, RawChunk
from retort.data.packing import unpacked

ENDINGS = (".parquet",)
LIBRARIES = ("pyarrow",)

_BUFFER_BYTES = 1 << 20


def read(path: Path, choose: Choose, limit: ChunkLimit) -> Iterator[RawChunk]:
    """See `FileFormat.read`. Only `limit.rows` bounds a chunk."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from retort.data.arrow import cells_of

    try:
        # pyarrow.dataset, or pre_buffer, would hold whole row groups.
        with (
            unpacked(path) as plain,
            pq.ParquetFile(plain, buffer_size=_BUFFER_BYTES, pre_buffer=False) as file,
        ):
            chosen = choose(file.schema_arrow.names)
            read_rows = 0
            for batch in file.iter_batches(limit.rows, columns=list(chosen)):
                read_rows += batch.num_rows
                cells = {name: cells_of(batch.column(name)) for name in chosen}
                yield RawChunk(batch.num_rows, cells, {}, read_rows / file.metadata.num_rows)
    # Some of pyarrow's errors are ValueErrors.
    except pa.ArrowException as error:
        raise OSError(str(error)) from error
