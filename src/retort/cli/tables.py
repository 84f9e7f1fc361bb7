"""The report's tables on a terminal."""

import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from retort.report import display
from retort.report.audit.result import Audit
from retort.report.audit.tables import models_table
from retort.report.bench.tables import ceilings_table, speed_table
from retort.report.bias_tables import Bias, answered, figures_by_group, summary_table, unanswered_table
from retort.report.comparison import Comparison
from retort.report.comparison_tables import (
    METRICS,
    figures_table,
    judged_table,
    losses_table,
    pairs_table,
    running_costs_table,
    training_costs_table,
)
from retort.report.tables import Cell, Column, Table

# As many as fit a terminal; the report has all.
_METRICS = ("average_precision", "roc_auc", "f1", "f1_at_half", "accuracy")
_NARROWEST = 110
# Blanks around a column's content, and between it and the next column.
_BORDER = 3
_SHORTEST_LINE = 8


def print_comparison(content: Mapping[str, Any]) -> None:
    """comparison.json on stdout: losses, figures, cost, paired differences, and the verdict."""
    console, comparison = _console(), Comparison(content)
    pairs = pairs_table(comparison, baselines=False)
    pairs = pairs if pairs.rows else pairs_table(comparison)
    for title, table in (
        ("After the last epoch", losses_table(comparison)),
        ("Judged on the test split, with 95 % intervals", judged_table(comparison, metrics=_METRICS)),
        ("Cost of using them", _without(running_costs_table(comparison), "p95")),
        ("Cost of making and keeping them", training_costs_table(comparison)),
        (_pairs_title(comparison), _without(pairs, *_left_out(comparison))),
    ):
        if table.rows:
            _print(console, title, table)
    console.print()
    console.print(Text(content["verdict"]))


def _pairs_title(comparison: Comparison) -> str:
    title = "Differences in average precision on the same test comments"
    return title if comparison.margin is None else f"{title}; margin {comparison.margin:g}"


def _left_out(comparison: Comparison) -> tuple[str, ...]:
    """Of the two p values of a pair the one before Holm's correction, and in a former run what it does not have."""
    return ("p, Holm", "comments needed", "seeds needed") if comparison.former else ("p",)


def print_gates(rows: Sequence[Mapping[str, Any]]) -> None:
    """Every gate with its model, value and bound, and whether it holds."""
    columns = tuple(Column(name, numeric=name == "value") for name in ("model", "figure", "value", "bound", "gate"))
    cells = tuple(
        (
            Cell(row["model"]),
            Cell(row["figure"]),
            Cell(row["told"] or display.NOTHING),
            Cell(row["bound"]),
            Cell("holds" if row["passed"] else "missed", tone="" if row["passed"] else "unsure"),
        )
        for row in rows
    )
    _print(_console(), "Gates", Table(columns, cells))


def print_figures(test: Mapping[str, Mapping[str, Any]]) -> None:
    """One model's figures, {label: {metric: figure}}: a line for each label, a column for each metric.

    The metrics that do not fit the terminal beside each other are in further tables.
    """
    metrics = [metric for metric in METRICS if any(metric in figures for figures in test.values())]
    console, table = _console(), figures_table(test, metrics)
    for part in _parts(Table((Column("label", numeric=False), *table.columns[1:]), table.rows), console.width):
        _print(console, "", part)


def print_bias(bias: Bias) -> None:
    """One model's figures by the identity that comments mention; nothing for data that does not say."""
    if bias["arms"] is None:
        return
    console, (arm,) = _console(), bias["arms"]
    if answered(bias):
        _print(console, "Over all groups", summary_table(bias, [arm]))
        for place, part in enumerate(_parts(figures_by_group(bias, arm), console.width)):
            _print(console, "" if place else "By group", part)
    left_out = unanswered_table(bias)
    if left_out is not None:
        _print(console, f"Groups with fewer than {bias['fewest']} comments of a kind", left_out)


def print_bench(result: Mapping[str, Any]) -> None:
    """Every arm and format, and the ceilings of the machine."""
    for title, table in (("Speed", speed_table(result)), ("The machine's ceilings", ceilings_table(result))):
        _print(_console(), title, table)


def print_audit(result: Mapping[str, Any], folder: Path) -> None:
    """What each model of an audit fails, misses and flags."""
    _print(_console(), "Judged wrongly, with 95 % intervals", models_table(Audit(result, (), folder)))


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
    return max([_content_width(table, place), *map(cell_len, _heading(table, place).splitlines())])


def _content_width(table: Table, place: int) -> int:
    lines = [line for row in table.rows for line in _cell_text(table, row[place]).plain.splitlines()]
    return max(map(cell_len, lines), default=0)


def _heading(table: Table, place: int) -> str:
    """A column's title in lines no wider than its content (or eight letters), as far as its words allow."""
    title = table.columns[place].title
    longest = max(map(len, title.split()), default=1)
    width = max(_content_width(table, place), longest, _SHORTEST_LINE)
    return "\n".join(textwrap.wrap(title, width, break_long_words=False, break_on_hyphens=False))


def _without(table: Table, *titles: str) -> Table:
    return _only(table, [i for i, column in enumerate(table.columns) if column.title not in titles])


def _only(table: Table, kept: Sequence[int]) -> Table:
    """The table with the columns at these places."""
    return Table(tuple(table.columns[i] for i in kept), tuple(tuple(row[i] for i in kept) for row in table.rows))


def _print(console: Console, title: str, table: Table) -> None:
    console.print()
    drawn = RichTable(title=title or None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for place, column in enumerate(table.columns):
        drawn.add_column(_heading(table, place), justify="right" if column.numeric else "left", overflow="fold")
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
