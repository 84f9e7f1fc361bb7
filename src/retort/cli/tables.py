"""The report's tables, drawn for a terminal."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from retort.report.bench_table import ceilings_table, speed_table
from retort.report.tables import Cell, Column, Table, cost_table, judged_table, pairs_table, seed_table

# What fits a terminal; the report holds them all.
_METRICS = ("average_precision", "roc_auc", "f1", "accuracy")
_NARROWEST = 110


def print_comparison(comparison: Mapping[str, Any]) -> None:
    """The original assignment's table, the judged one, cost, the differences, and the verdict in words."""
    console = _console()
    for title, table in (
        ("After the last epoch", seed_table(comparison)),
        ("Judged on the test split, with 95 % intervals", judged_table(comparison, metrics=_METRICS)),
        ("Cost", _without(cost_table(comparison), "peak memory", "p95")),
        ("Differences in average precision on the same test comments", pairs_table(comparison, baselines=False)),
    ):
        _print(console, title, table)
    console.print()
    console.print(Text(comparison["verdict"]))


def print_figures(test: Mapping[str, Any]) -> None:
    """One model's figures: a line per metric, a column per attribute."""
    by_attribute = {name: {"test": {"figures": figures}} for name, figures in test.items()}
    table = judged_table({"arms": by_attribute}, "figures")
    columns = (Column("", numeric=False), *(Column(row[0].text) for row in table.rows))
    lines = zip(table.columns[1:], zip(*(row[1:] for row in table.rows), strict=True), strict=True)
    _print(_console(), "", Table(columns, tuple((Cell(column.title), *cells) for column, cells in lines)))


def print_bench(result: Mapping[str, Any]) -> None:
    """Every arm and format, and the ceilings of the machine."""
    for title, table in (("Speed", speed_table(result)), ("The machine's ceilings", ceilings_table(result))):
        _print(_console(), title, table)


def _console() -> Console:
    # Piped into a file there is no width to respect.
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=max(console.width, _NARROWEST))


def _without(table: Table, *titles: str) -> Table:
    kept = [i for i, column in enumerate(table.columns) if not column.title.endswith(titles)]
    return Table(tuple(table.columns[i] for i in kept), tuple(tuple(row[i] for i in kept) for row in table.rows))


def _print(console: Console, title: str, table: Table) -> None:
    console.print()
    drawn = RichTable(title=title or None, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for column in table.columns:
        drawn.add_column(column.title, justify="right" if column.numeric else "left")
    for row in table.rows:
        cells = []
        for cell in row:
            mark = table.mark(cell)
            cell_text = Text(cell.text + (f" [{mark}]" if mark else ""))
            if cell.note:
                cell_text.append(f"\n{cell.note}", style="dim")
            cells.append(cell_text)
        drawn.add_row(*cells)
    console.print(drawn)
    for number, footnote in enumerate(table.footnotes, 1):
        console.print(Text(f"[{number}] {footnote}", style="dim"))
