"""The report's tables, drawn for a terminal."""

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from retort.report.tables import Table, cost_table, judged_table, pairs_table, seed_table

# What fits a terminal; the report holds them all.
_METRICS = ("accuracy", "precision", "recall", "f1", "roc_auc", "average_precision", "ece")


def print_comparison(comparison: Mapping[str, Any]) -> None:
    """The original assignment's table, the judged one, the differences, and the verdict in words."""
    console = Console(highlight=False)
    for title, table in (
        ("After the last epoch", seed_table(comparison)),
        ("Judged on the test split, with 95 % intervals", judged_table(comparison, metrics=_METRICS)),
        ("Cost", cost_table(comparison)),
        ("Differences in average precision", pairs_table(comparison)),
    ):
        _print(console, title, table)
    console.print()
    console.print(Text(comparison["verdict"]))


def print_figures(test: Mapping[str, Any]) -> None:
    """One model's figures, a line per attribute."""
    rows = {attribute: {"test": {"figures": figures}} for attribute, figures in test.items()}
    _print(Console(highlight=False), "", judged_table({"arms": rows}, "figures"))


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
