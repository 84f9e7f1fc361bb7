"""Shares of failed cases as cells of tables, on the page and on the terminal."""

from collections.abc import Mapping
from typing import Any

from retort.report import display
from retort.report.audit.result import Audit
from retort.report.tables import Cell, Column, Table


def models_table(audit: Audit) -> Table:
    """Shares failed, missed and flagged of every model, and its threshold."""
    task, rows = audit.task, []
    for name, entries in audit.content["functional"]["models"].items():
        overall, facts = entries["overall"], audit.models[name]
        threshold = Cell(display.number(facts["threshold"]), note="" if facts["has_threshold"] else "not chosen")
        rows.append((Cell(name), threshold, *(share_cell(overall[kind]) for kind in ("failed", "missed", "flagged"))))
    return Table(
        (
            Column("model", numeric=False),
            Column("threshold"),
            Column("failed, of all"),
            Column(f"missed, of {task.adjective}"),
            Column(f"flagged, of {task.negative_adjective}"),
        ),
        tuple(rows),
        "With 95 % intervals. Cases of one template count as alike as they turn out to be.",
    )


def share_cell(entry: Mapping[str, Any]) -> Cell:
    """`41 %`, with the interval and the counts as notes; a dash with the reason where there is no case."""
    if entry["share"] is None:
        return Cell(display.NOTHING, why=str(entry["why"]))
    return Cell(
        display.percent(entry["share"], 0), note=f"{interval(entry)}\n{entry['failed']:,} of {entry['cases']:,}"
    )


def interval(entry: Mapping[str, Any]) -> str:
    """`35–47 %`."""
    return f"{100 * entry['low']:.0f}–{100 * entry['high']:.0f} %"
