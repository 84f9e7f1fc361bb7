"""By group: whom false alarms and missed attacks concern."""

from typing import Any

from matplotlib.figure import Figure

from retort.evaluation.intervals import FEW
from retort.report import display
from retort.report.audit.result import Audit
from retort.report.audit.sections import AuditPlot
from retort.report.audit.shares import Entries, dot_figure
from retort.report.audit.tables import share_cell
from retort.report.style import Theme
from retort.report.tables import Cell, Column, Table

TITLE = "By group"
POSITION = 30


def content(audit: Audit) -> dict[str, Any] | None:
    """Two rows of columns for each model: flagged and missed; None for a suite without groups."""
    found = _entries(audit)
    names = list(next(iter(found.values())))
    if not names:
        return None
    words = {"flagged": audit.task.negative_adjective, "missed": audit.task.adjective}
    tables = []
    for measure, word in words.items():
        rows = [
            (Cell(display.plain(name)), *(share_cell(entries[name][measure]) for entries in found.values()))
            for name in _ordered(found, measure)
        ]
        caption = f"Share of {word} cases {measure}, with 95 % intervals, by the group that a case names."
        table = Table((Column("group", numeric=False), *map(Column, found)), tuple(rows), caption)
        tables.append((f"Every group in figures: {word} cases {measure}", table))
    return {"tables": tables}


def _entries(audit: Audit) -> dict[str, Entries]:
    return {name: one["groups"] for name, one in audit.content["functional"]["models"].items()}


def _ordered(found: dict[str, Entries], measure: str) -> list[str]:
    """The groups that have such cases, those with the highest shares first, then the others."""
    names = list(next(iter(found.values())))
    return sorted(names, key=lambda name: -sum(e[name][measure]["share"] or -1 for e in found.values()))


def by_group(audit: Audit, theme: Theme, narrow: bool) -> Figure | None:
    """False alarms above, missed cases below."""
    found = _entries(audit)
    task = audit.task
    titles = {
        "flagged": f"{task.negative_adjective} cases flagged",
        "missed": f"{task.adjective} cases missed",
    }
    panels = []
    for measure, title in titles.items():
        first = next(iter(found.values()))
        names = [name for name in _ordered(found, measure) if first[name][measure]["cases"] >= FEW]
        panels.append((title, {m: {n: entries[n][measure] for n in names} for m, entries in found.items()}))
    return dot_figure(audit, panels, theme, narrow)


PLOTS = (
    AuditPlot(
        "groups",
        "Failures by group",
        "Cases that name a group: {negative} ones that are flagged, and {positive} ones that are missed, with 95 % "
        f"intervals; further left is better. Left out: groups with fewer than {FEW} such cases.",
        by_group,
    ),
)
