"""What can be wrong with a row, and how such rows are counted and reported."""

from dataclasses import dataclass, field
from typing import Any

from retort.text import is_blank

# With a larger share of faulty rows the file is probably not the intended one, or read with the wrong columns.
FAULTY_SHARE_ALLOWED = 0.01
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
    """The rows with one fault: how many, and the numbers of the first five, counted from 1 without the header."""

    count: int
    first_rows: tuple[int, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {"count": self.count, "first_rows": list(self.first_rows)}

    def summary(self, fault: str) -> str:
        """For people: `7 x blank text, rows 5, 17, 90, 400, 401, ...`."""
        rows = ", ".join(str(row) for row in self.first_rows)
        more = ", ..." if self.count > len(self.first_rows) else ""
        return f"{self.count:,} x {fault}, {'row' if self.count == 1 else 'rows'} {rows}{more}"


@dataclass
class Faults:
    """Counts rows that cannot be used. dropped: by fault, in the order in which the faults were first met."""

    dropped: dict[str, Dropped] = field(default_factory=dict)

    def add(self, fault: str, row: int) -> None:
        """One more row (numbers rise from call to call)."""
        before = self.dropped.get(fault, Dropped(0, ()))
        first = before.first_rows if before.count >= ROWS_NAMED else (*before.first_rows, row)
        self.dropped[fault] = Dropped(before.count + 1, first)

    @property
    def total(self) -> int:
        """The number of all these rows."""
        return sum(dropped.count for dropped in self.dropped.values())

    def too_many_of(self, rows: int) -> bool:
        """Whether more than 1 % of `rows` are faulty."""
        return self.total > FAULTY_SHARE_ALLOWED * rows

    def summary(self) -> str:
        """For people: every fault in one line."""
        return "; ".join(dropped.summary(fault) for fault, dropped in self.dropped.items())


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
