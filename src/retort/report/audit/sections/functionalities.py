"""By functionality: which kinds of cases each model fails."""

from typing import Any

from matplotlib.figure import Figure

from retort.report import display
from retort.report.audit.result import Audit
from retort.report.audit.sections import AuditPlot
from retort.report.audit.shares import Entries, dot_figure
from retort.report.audit.tables import share_cell
from retort.report.style import Theme
from retort.report.tables import Cell, Column, Table

TITLE = "By functionality"
POSITION = 20

_RIGHT = {"positive": "missed", "negative": "flagged", "both": "failed"}


def content(audit: Audit) -> dict[str, Any] | None:
    """A row for each functionality, those that are failed most first; None for a suite without functionalities."""
    found = _entries(audit)
    names = _ordered(found)
    if not names:
        return None
    words = {"positive": audit.task.adjective, "negative": audit.task.negative_adjective, "both": "either"}
    rows = []
    for name in names:
        first = next(iter(found.values()))[name]
        right = Cell(words[first["expected"]])
        rows.append(
            (Cell(display.plain(name)), right, *(share_cell(entries[name]["failed"]) for entries in found.values()))
        )
    columns = (Column("functionality", numeric=False), Column("right is", numeric=False), *map(Column, found))
    caption = "Share of the cases that are judged wrongly, with 95 % intervals; the hardest first."
    return {"shares": Table(columns, tuple(rows), caption), "differences": _differences(audit)}


def _entries(audit: Audit) -> dict[str, Entries]:
    return {name: one["functionalities"] for name, one in audit.content["functional"]["models"].items()}


def _ordered(found: dict[str, Entries]) -> list[str]:
    names = list(next(iter(found.values())))
    return sorted(names, key=lambda name: -sum(entries[name]["failed"]["share"] for entries in found.values()))


def _differences(audit: Audit) -> list[str]:
    """Sentences on the functionalities in which two models differ by more than chance."""
    found = []
    for pair in audit.content["functional"]["pairs"]:
        if pair["functionality"] is not None and pair["better"]:
            worse = pair["b"] if pair["better"] == pair["a"] else pair["a"]
            points = f"{abs(100 * pair['difference']):.0f} points less than {worse}"
            found.append(f"{display.plain(pair['functionality'])}: {pair['better']} fails {points}")
    return found


def by_functionality(audit: Audit, theme: Theme, narrow: bool) -> Figure | None:
    """Panels by what is right, so that a mark on the right is always bad."""
    found = _entries(audit)
    names = _ordered(found)
    task = audit.task
    titles = {
        "negative": f"{task.negative_adjective} cases flagged",
        "positive": f"{task.adjective} cases missed",
        "both": "cases of both kinds failed",
    }
    first = next(iter(found.values()))
    panels = []
    for expected, title in titles.items():
        chosen = [name for name in names if first[name]["expected"] == expected]
        panels.append((title, {m: {n: entries[n]["failed"] for n in chosen} for m, entries in found.items()}))
    return dot_figure(audit, panels, theme, narrow)


PLOTS = (
    AuditPlot(
        "functionalities",
        "Failures by functionality",
        "Each functionality's share of cases that a model judges wrongly, with 95 % intervals; further left is better.",
        by_functionality,
    ),
)
