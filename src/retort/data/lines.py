"""The lines of a text file, plain or gzipped, and their rows in chunks of bounded size."""

import contextlib
import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TextIO, TypeVar

from retort.data.chunks import ChunkLimit
from retort.data.packing import unpacking
from retort.errors import DataError

# Longer than any line of comments; without a limit, one line could fill the memory before the fault is reported.
LONGEST_LINE = 100_000_000

R = TypeVar("R")


class Lines:
    """Iterates over the lines of a text file; counts characters, and whether the quotes read so far are odd in number.

    Bytes that are not UTF-8 come as lone surrogates, so that the checks count them by row.
    """

    def __init__(self, file: TextIO, path: Path, share: Callable[[], float]) -> None:
        self._file = file
        self._path = path
        self.share = share
        self.characters = 0
        self.odd_quotes = False
        self.ended = False

    def __iter__(self) -> "Lines":
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
            self.odd_quotes ^= bool(line.count('"') % 2)
        return line


@contextlib.contextmanager
def opened(path: Path) -> Iterator[Lines]:
    """The lines of a UTF-8 file, with or without byte order mark. Raises DataError for UTF-16."""
    size = path.stat().st_size
    with path.open("rb") as stored, unpacking(stored, path) as binary:
        mark = binary.read(2)
        binary.seek(0)
        if mark in (b"\xff\xfe", b"\xfe\xff"):
            raise DataError(f"{path}: is UTF-16; save it as UTF-8")
        with io.TextIOWrapper(binary, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
            yield Lines(text, path, lambda: min(1.0, stored.tell() / size))


@dataclass
class Batch(Generic[R]):
    """Rows that follow one another. broken: place in the batch -> fault of a row that did not parse."""

    rows: list[R] = field(default_factory=list)
    broken: dict[int, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows) + len(self.broken)


def batched(rows: Iterable[R | str], lines: Lines, limit: ChunkLimit) -> Iterator[Batch[R]]:
    """The rows parsed from `lines`, within `limit`; a string in the place of a row is its fault."""
    batch, begin = Batch[R](), lines.characters
    for row in rows:
        if isinstance(row, str):
            batch.broken[len(batch)] = row
        else:
            batch.rows.append(row)
        if len(batch) >= limit.rows or lines.characters - begin >= limit.characters:
            yield batch
            batch, begin = Batch[R](), lines.characters
    if len(batch):
        yield batch
