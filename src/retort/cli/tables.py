"""The report's tables on a terminal."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from retort.evaluation.metrics import METRICS
from retort.report.bench.tables import ceilings_table, speed_table
from retort.report.comparison import Comparison
from retort.report.comparison_tables import cost_table, figures_table, judged_table, losses_table, pairs_table
from retort.report.tables import Cell, Column, Table

# As many as fit a terminal; the report has all.
_METRICS = ("average_precision", "roc_auc", "f1", "accuracy")
_NARROWEST = 110
# Blanks around a column's content, and between it and the next column.
_BORDER = 3


def print_comparison(content: Mapping[str, Any]) -> None:
    """comparison.json on stdout: losses, figures, cost, paired differences, and the verdict."""
    console, comparison = _console(), Comparison(content)
    for title, table in (
        ("After the last epoch", losses_table(comparison)),
        ("Judged on the test split, with 95 % intervals", judged_table(comparison, metrics=_METRICS)),
        ("Cost", _without(cost_table(comparison), "peak memory", "p95")),
        ("Differences in average precision on the same test comments", pairs_table(comparison, baselines=False)),
    ):
        _print(console, title, table)
    console.print()
    console.print(Text(content["verdict"]))


def print_figures(test: Mapping[str, Mapping[str, Any]]) -> None:
    """One model's figures, {label: {metric: figure}}: a line for each label, a column for each metric.

    The metrics that do not fit the terminal beside each other are in further tables.
    """
    console, table = _console(), figures_table(test, METRICS)
    for part in _parts(Table((Column("label", numeric=False), *table.columns[1:]), table.rows), console.width):
        _print(console, "", part)


def print_bench(result: Mapping[str, Any]) -> None:
    """Every arm and format, and the ceilings of the machine."""
    for title, table in (("Speed", speed_table(result)), ("The machine's ceilings", ceilings_table(result))):
        _print(_console(), title, table)


def _console() -> Console:
    # A file or a pipe has no width to respect.
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=max(console.width, _NARROWEST))


def _parts(table: Table, width: int) -> Iterator[Table]:
    """Tables of about as many columns each, no wider than `width`; all begin with the first column."""
    first, *others = (_column_width(table, place) for place in range(len(table.columns)))
    # A longer name is folded.
    room = width - 1 - (min(first, width // 2) + _BORDER)
    most = max(1, room // (max(others) + _BORDER))
    size = math.ceil(len(others) / math.ceil(len(others) / most))
    for start in range(1, len(table.columns), size):
        chosen = (0, *range(start, min(start + size, len(table.columns))))
        yield _only(table, chosen)


def _column_width(table: Table, place: int) -> int:
    lines = [table.columns[place].title]
    for row in table.rows:
        lines += _cell_text(table, row[place]).plain.splitlines()
    return max(map(cell_len, lines))


def _without(table: Table, *titles: str) -> Table:
    return _only(table, [i for i, column in enumerate(table.columns) if not column.title.endswith(titles)])


def _only(table: Table, kept: Sequence[int]) -> Table:
    """The table with the columns at these places."""
    return Table(tuple(table.columns[i] for i in kept), tuple(tuple(row[i] for i in kept) for row in table.rows))


def _print(console: Console, title: str, table: Table) -> None:
    console.print()
    drawn = RichTable(title=title or None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for column in table.columns:
        drawn.add_column(column.title, justify="right" if column.numeric else "left", overflow="fold")
    for row in table.rows:
        drawn.add_row(*(_cell_text(table, cell) for cell in row))
    console.print(drawn)
    for number, footnote in enumerate(table.footnotes, 1):
        console.print(Text(f"[{number}] {footnote}", style="dim"))


def _cell_text(table: Table, cell: Cell) -> Text:
    mark = table.mark(cell)
    text = Text(cell.text + (f" [{mark}]" if mark else ""))
    if cell.note:
        text.append(f"\n{cell.note}", style="dim")
    return text
