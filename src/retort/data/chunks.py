"""The rows of a file in chunks, as the modules of formats/ yield them: cells as stored, by header."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    import numpy as np

Cells: TypeAlias = "Sequence[Any] | np.ndarray"

# Given the headers of a file, the ones to read. Called once, before the first chunk.
Choose = Callable[[Sequence[str]], Sequence[str]]


@dataclass(frozen=True)
class ChunkLimit:
    """A chunk ends with the row that reaches either."""

    rows: int = 20_000
    characters: int = 50_000_000


@dataclass(frozen=True)
class RawChunk:
    """`count` rows that follow one another in a file.

    cells: header -> the cells of the rows that parsed, in order. broken: place in the chunk (0 to count - 1) -> fault
    of the others. share: how much of the file has been read, 0 to 1.
    """

    count: int
    cells: Mapping[str, Cells]
    broken: Mapping[int, str]
    share: float


def hashable(cell: Any) -> Any:
    """The cell; a list or an object as a tuple, which is neither text nor a number to the checks."""
    return (str(cell),) if isinstance(cell, list | dict) else cell
