"""What can be wrong with a row, and how such rows are counted and told."""

from dataclasses import dataclass, field
from typing import Any

from retort.text import is_blank

# Above this share of faulty rows the file is not what its reader believes it to be.
MOST_FAULTY = 0.01
ROWS_NAMED = 5

BLANK = "blank text"
NOT_TEXT = "text that is not a string"
NUL = "NUL byte"
INVALID_UTF8 = "invalid UTF-8"
RAGGED = "ragged row"
NOT_JSON = "line that is no JSON object"
MISSING = "missing label"
NOT_A_NUMBER = "label that is not a number"
OUT_OF_RANGE = "label outside 0 to 1"
DUPLICATE = "duplicate text"


@dataclass(frozen=True)
class Dropped:
    """How many rows one fault cost, and the first five of them, counted from 1 without the header."""

    count: int
    first_rows: tuple[int, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"count": self.count, "first_rows": list(self.first_rows)}

    def told(self, fault: str) -> str:
        """For people: how often the fault was met, and where."""
        rows = ", ".join(str(row) for row in self.first_rows)
        more = ", ..." if self.count > len(self.first_rows) else ""
        return f"{self.count:,} x {fault}, {'row' if self.count == 1 else 'rows'} {rows}{more}"


@dataclass
class Faults:
    """Counts rows that cannot be used, with the first few row numbers of each fault."""

    counts: dict[str, int] = field(default_factory=dict)
    rows: dict[str, list[int]] = field(default_factory=dict)

    def add(self, fault: str, row: int) -> None:
        """One more row (numbers rise from call to call)."""
        self.counts[fault] = self.counts.get(fault, 0) + 1
        first = self.rows.setdefault(fault, [])
        if len(first) < ROWS_NAMED:
            first.append(row)

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    def dropped(self) -> dict[str, Dropped]:
        """By fault, in the order in which they were first met."""
        return {fault: Dropped(count, tuple(self.rows[fault])) for fault, count in self.counts.items()}

    def told(self) -> str:
        """For people: every fault in one line."""
        return "; ".join(dropped.told(fault) for fault, dropped in self.dropped().items())


def text_fault(text: Any) -> str | None:
    """Why a cell cannot be read as a comment, None when it can."""
    if not isinstance(text, str):
        return BLANK if text is None or text != text else NOT_TEXT
    if "\0" in text:
        return NUL
    if not text.isascii() and not is_encodable(text):
        return INVALID_UTF8
    return BLANK if is_blank(text) else None


def is_encodable(text: str) -> bool:
    """Whether the text has a UTF-8 form: one with lone surrogates has none."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
