"""A table as data: columns, and rows of cells; the page, the Markdown file and the terminal each render it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from retort.report import display


@dataclass(frozen=True)
class Column:
    """A heading; `numeric` columns are aligned right."""

    title: str
    numeric: bool = True


@dataclass(frozen=True)
class Cell:
    """`note` goes below the text in smaller type, each of its lines on one of its own.

    `why` gives the reason for a missing number, as a footnote.

    `tone` is "good", "unsure" or nothing: a colour on the page, in addition to the text.
    """

    text: str
    note: str = ""
    why: str = ""
    tone: str = ""

    @property
    def notes(self) -> list[str]:
        """The lines of the note."""
        return self.note.splitlines()


@dataclass(frozen=True)
class Table:
    """Columns and rows of equal width; the first cell of a row names it."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    footnotes: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        found = dict.fromkeys(cell.why for row in self.rows for cell in row if cell.why)
        object.__setattr__(self, "footnotes", tuple(found))

    def mark(self, cell: Cell) -> str:
        """The number of a cell's footnote, or nothing."""
        return str(self.footnotes.index(cell.why) + 1) if cell.why else ""


def number_cell(value: float | None, why: str) -> Cell:
    """A number with three decimals, or a dash with the reason `why`."""
    return Cell(display.number(value), why=why if value is None else "")


def figure_cell(figure: Mapping[str, Any] | None) -> Cell:
    """A figure of the evaluation, with its interval and its spread over seeds as notes; a dash with the reason.

    The value of a perfectly calibrated model, where one is recorded (ECE), is a further note.
    """
    if figure is None or figure.get("value") is None:
        return Cell(display.NOTHING, why=display.why(figure))
    low, high, perfect = figure.get("low"), figure.get("high"), figure.get("perfect")
    # MCC alone may be below 0, where a dash would look like a sign.
    interval = display.between(low, high) if low is not None and low < 0 else display.span(low, high)
    notes = [interval, display.spread(figure.get("spread"))]
    notes += [f"perfect {display.number(perfect)}"] if perfect is not None else []
    why = "" if interval else display.why(figure)
    return Cell(display.number(figure["value"]), note="\n".join(filter(None, notes)), why=why)


def markdown(table: Table) -> str:
    """The table in GitHub's Markdown, with its footnotes as a list below it."""
    lines = [
        _line(escaped(column.title) for column in table.columns),
        _line("---:" if column.numeric else ":---" for column in table.columns),
    ]
    lines += [_line(_in_markdown(table, cell) for cell in row) for row in table.rows]
    notes = [f"<sup>{index}</sup> {escaped(text)}." for index, text in enumerate(table.footnotes, 1)]
    return "\n".join([*lines, *(["", "  \n".join(notes)] if notes else [])])


def _in_markdown(table: Table, cell: Cell) -> str:
    text = escaped(cell.text)
    text += "".join(f"<br><sub>{escaped(note)}</sub>" for note in cell.notes)
    return f"{text}<sup>{table.mark(cell)}</sup>" if cell.why else text


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def escaped(text: str) -> str:
    """Text that Markdown shows as it is, within a table too; in one line."""
    for character in "\\`*_[]<>|":
        text = text.replace(character, "&lt;" if character == "<" else f"\\{character}")
    return " ".join(text.split())
