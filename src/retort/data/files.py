"""The rows of a data file as a stream of chunks whose columns have names. Needs no more than its format does."""

import zlib
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from retort.data.chunks import Cells, Choose, ChunkLimit, RawChunk
from retort.data.columns import Columns, find_columns
from retort.data.formats import format_of
from retort.data.packing import ending
from retort.errors import DataError, first_line
from retort.tasks import Task


@dataclass(frozen=True)
class NamedChunk:
    """A raw chunk, and what its columns hold. numbers: the numbers of its rows, from 1 without the header, rising."""

    columns: Columns
    numbers: Sequence[int]
    raw: RawChunk

    def cells(self, name: str) -> Cells:
        """The cells of a column (text, id, split, a label or an identity) of the rows that parsed."""
        return self.raw.cells[self.columns.headers[name]]


def read_chunks(
    path: Path, task: Task, columns: Mapping[str, str], *, labelled: bool, limit: ChunkLimit | None = None
) -> Generator[NamedChunk, None, None]:
    """All rows of one file, in order.

    The ending names the format; `columns` (name -> header) and the headers that the task knows say which column holds
    what. Without `labelled` no label is looked for. Raises ConfigError for an unknown name in `columns`, DataError for
    a file that is missing, empty, unreadable or truncated, possibly only after reading part of it.
    """
    chosen: list[Columns] = []

    def choose(headers: Sequence[str]) -> list[str]:
        chosen.append(find_columns(headers, columns, task, str(path), labelled=labelled))
        return list(chosen[0].headers.values())

    for numbers, raw in read_raw(path, choose, limit):
        yield NamedChunk(chosen[0], numbers, raw)


def read_raw(
    path: Path, choose: Choose, limit: ChunkLimit | None = None
) -> Generator[tuple[range, RawChunk], None, None]:
    """As `read_chunks`, with the headers that `choose` returns: (the numbers of the rows, the rows)."""
    number = 1
    try:
        for raw in format_of(path).read(path, choose, limit or ChunkLimit()):
            yield range(number, number + raw.count), raw
            number += raw.count
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path}: is not a readable {ending(path)[1:]} file ({first_line(error)}); take a whole copy of it"
        ) from error
    if number == 1:
        raise DataError(f"{path}: no rows below the header; give a file that holds comments")
