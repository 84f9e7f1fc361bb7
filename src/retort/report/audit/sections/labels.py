"""By label: the suite's labels for further attributes, and what models that rate them say."""

from typing import Any

from retort.report.audit.result import Audit
from retort.report.audit.sections import AuditPlot
from retort.report.audit.tables import share_cell
from retort.report.tables import Cell, Column, Table

TITLE = "By label"
POSITION = 40
PLOTS: tuple[AuditPlot, ...] = ()


def content(audit: Audit) -> dict[str, Any] | None:
    """A table for each of missed and flagged; None where no model rates more than the primary label of the suite."""
    found = {name: one["attributes"] for name, one in audit.content["functional"]["models"].items()}
    names = audit.task.in_order({label for entries in found.values() for label in entries})
    if len(names) < 2:
        return None
    return {"tables": [_table(audit, found, names, measure) for measure in ("missed", "flagged")]}


def _table(audit: Audit, found: dict[str, Any], names: tuple[str, ...], measure: str) -> Table:
    unrated = {"share": None, "why": "the model does not rate it, or the suite has no label for it"}
    rows = [
        (
            Cell(audit.task.title(name)),
            *(share_cell(entries.get(name, {measure: unrated})[measure]) for entries in found.values()),
        )
        for name in names
    ]
    which = "that have the label and are not given it" if measure == "missed" else "without the label that are given it"
    return Table(
        (Column("label", numeric=False), *map(Column, found)),
        tuple(rows),
        f"Share {measure}: cases {which}, each at the label's own threshold, with 95 % intervals.",
    )
