"""Disguised words: recall lost and false alarms gained by each disguise, with the text normaliser and without."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from retort.report import display
from retort.report.audit.result import Audit
from retort.report.audit.sections import AuditPlot
from retort.report.audit.shares import dot_figure
from retort.report.style import Theme
from retort.report.tables import Cell, Column, Table

TITLE = "Disguised words"
POSITION = 55

_READINGS = {"with_normaliser": "with the normaliser", "without_normaliser": "without it"}
_RATES = {"recall_lost": "recall", "false_alarms_gained": "false-positive rate"}
_CANNOT = "this model cannot be read without the normaliser"


def content(audit: Audit) -> dict[str, Any] | None:
    """A table of recall lost, and one of false alarms gained."""
    attack = audit.part("attack")
    if attack is None:
        return None
    return {
        "rows": display.whole(attack["rows"]),
        "positives": display.whole(attack["positives"]),
        "words_by": attack["words_by"],
        "lost": _table(attack, "recall_lost", "Points of recall lost"),
        "gained": _table(attack, "false_alarms_gained", "Points of the false-positive rate gained"),
    }


def _table(attack: Mapping[str, Any], measure: str, what: str) -> Table:
    models = attack["models"]
    originals = (_original(found[reading], measure) for found in models.values() for reading in _READINGS)
    first = (Cell("as they were"), Cell(display.NOTHING), *originals)
    rows = [
        (
            Cell(display.plain(name), note=facts["description"]),
            Cell(display.whole(facts["changed"])),
            *(_cell(found[reading], name, measure) for found in models.values() for reading in _READINGS),
        )
        for name, facts in attack["attacks"].items()
    ]
    columns = [Column(f"{name}, {reading}") for name in models for reading in _READINGS.values()]
    return Table(
        (Column("disguise", numeric=False), Column("rows changed"), *columns),
        (first, *rows),
        f"{what}: the same rows disguised and as they were, at the model's threshold, with 95 % intervals. "
        f"The first line has the {_RATES[measure]} that this starts from.",
    )


def _original(found: Mapping[str, Any] | None, measure: str) -> Cell:
    """The recall or the false-positive rate on the rows before any disguise."""
    if found is None:
        return Cell(display.NOTHING, why=_CANNOT)
    entry = found["missed" if measure == "recall_lost" else "flagged"]
    if entry["share"] is None:
        return Cell(display.NOTHING, why=str(entry["why"]))
    return Cell(display.percent(1 - entry["share"] if measure == "recall_lost" else entry["share"], 1))


def _cell(found: Mapping[str, Any] | None, attack: str, measure: str) -> Cell:
    if found is None:
        return Cell(display.NOTHING, why=_CANNOT)
    entry = found["attacks"][attack][measure]
    if entry["share"] is None:
        return Cell(display.NOTHING, why=str(entry["why"]))
    interval = display.between(100 * entry["low"], 100 * entry["high"], 1, sign=True)
    return Cell(display.signed(100 * entry["share"], 1), note=interval)


def lost(audit: Audit, theme: Theme, narrow: bool) -> Figure | None:
    """Recall lost by each disguise, a panel with the normaliser and one without."""
    attack = audit.part("attack")
    if attack is None or any(
        entry["recall_lost"]["share"] is None
        for found in attack["models"].values()
        for entry in found["with_normaliser"]["attacks"].values()
    ):
        return None
    panels = []
    for reading, title in _READINGS.items():
        known = {name: found[reading] for name, found in attack["models"].items() if found[reading] is not None}
        shares = {
            name: {one: entry["recall_lost"] for one, entry in found["attacks"].items()}
            for name, found in known.items()
        }
        if shares:
            panels.append((title, shares))
    return dot_figure(audit, panels, theme, narrow, columns=2, percent=False)


PLOTS = (
    AuditPlot(
        "attack",
        "Recall lost to disguised words",
        "Recall on {positive} rows as they were less recall on the same rows with two words disguised, as a share of "
        "all of them, with 95 % intervals; 0 is no loss. Negation is the control: it changes what a row says.",
        lost,
    ),
)
