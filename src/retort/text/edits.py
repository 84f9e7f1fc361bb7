"""Replacements in a text, and the map from the new text to the original."""

from collections.abc import Iterable
from dataclasses import dataclass

# (begin, end, replacement): the characters [begin, end) of a text are replaced.
Edit = tuple[int, int, str]


@dataclass(frozen=True)
class Normalised:
    """A normalised text, with a map of its characters to the original.

    `offsets` has len(text) + 1 entries, never falling: offsets[i] is the position in the original of the
    character that made text[i], and the last one is the original's length.
    """

    text: str
    offsets: tuple[int, ...]

    def original_span(self, begin: int, end: int) -> tuple[int, int]:
        """The part of the original, half-open, that made text[begin:end]."""
        first = self.offsets[begin]
        if end <= begin:
            return first, first
        # Several characters can come from one (a ligature), so the next one's origin may be no further on.
        return first, min(max(self.offsets[end], self.offsets[end - 1] + 1), self.offsets[-1])


def replaced(text: str, edits: Iterable[Edit]) -> str:
    """The text after edits that are in order and do not overlap."""
    pieces, position = [], 0
    for begin, end, new in edits:
        pieces += [text[position:begin], new]
        position = end
    pieces.append(text[position:])
    return "".join(pieces)


def applied(text: str, offsets: list[int] | None, edits: list[Edit]) -> tuple[str, list[int]]:
    """The text after the edits, and the offsets of its characters. None stands for those of an unchanged text."""
    if offsets is None:
        offsets = list(range(len(text) + 1))
    result: list[int] = []
    position = 0
    for begin, end, new in edits:
        result += offsets[position:begin]
        last = max(end - 1, begin)
        result += [offsets[min(begin + i, last)] for i in range(len(new))]
        position = end
    result += offsets[position:]
    return replaced(text, edits), result
