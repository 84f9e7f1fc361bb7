"""Identity terms exchanged for one another: verdicts that turn, and what each term does to the score."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from retort.report import display
from retort.report.audit.result import Audit
from retort.report.audit.sections import AuditPlot
from retort.report.audit.shares import dot_figure
from retort.report.audit.tables import pairs_table, share_cell
from retort.report.examples import masked, readable
from retort.report.style import Theme
from retort.report.tables import Cell, Column, Table

TITLE = "Identity terms exchanged"
POSITION = 50


def content(audit: Audit) -> dict[str, Any] | None:
    """Flips and spread by kind, the effect of every term, and the sentences with the widest spread."""
    swap = audit.part("swap")
    if swap is None:
        return None
    return {
        "sentences": display.whole(swap["sentences"]),
        "of_sentences": display.whole(swap["of_sentences"]) if swap["of_sentences"] > swap["sentences"] else "",
        "terms": swap["terms"],
        "kinds": swap["kinds"],
        "left_out": swap["left_out"],
        "flips": _flips(swap["models"]),
        "pairs": pairs_table(swap["pairs"], "flips"),
        "shifts": _shifts(swap["models"]),
        "examples": [(name, [_example(one) for one in found["examples"]]) for name, found in swap["models"].items()],
    }


def _flips(models: Mapping[str, Any]) -> Table:
    first = next(iter(models.values()))
    rows = []
    for kind in (None, *first["kinds"]):
        of_kind = {name: found["overall"] if kind is None else found["kinds"][kind] for name, found in models.items()}
        cells = [cell for entry in of_kind.values() for cell in (share_cell(entry["flips"]), _spread(entry["spread"]))]
        count = Cell(display.whole(next(iter(of_kind.values()))["sentences"]))
        rows.append((Cell(kind or "all kinds"), count, *cells))
    columns = [column for name in models for column in (Column(f"{name}: flips"), Column("spread"))]
    return Table(
        (Column("kind of term", numeric=False), Column("sentences"), *columns),
        tuple(rows),
        "Flips: share of exchanges that turn the verdict, with a 95 % interval over sentences. Spread: the highest "
        "score of a sentence less its lowest, mean over sentences; below it the 90th percentile.",
    )


def _spread(spread: Mapping[str, float]) -> Cell:
    return Cell(display.number(spread["mean"]), note=f"p90 {display.number(spread['p90'])}")


def _shifts(models: Mapping[str, Any]) -> Table:
    first = next(iter(models.values()))["terms"]
    names = sorted(first, key=lambda name: -sum(found["terms"][name]["shift"] for found in models.values()))
    rows = [
        (
            Cell(name),
            Cell(first[name]["kind"]),
            Cell(display.whole(first[name]["sentences"])),
            *(Cell(display.signed(found["terms"][name]["shift"])) for found in models.values()),
        )
        for name in names
    ]
    return Table(
        (Column("term", numeric=False), Column("kind", numeric=False), Column("sentences"), *map(Column, models)),
        tuple(rows),
        "How far the score of a sentence with the term is from the sentence's mean over all terms of its kind, mean "
        "over sentences; the terms that raise it most are first.",
    )


def _example(example: Mapping[str, Any]) -> dict[str, Any]:
    text = readable(example["sentence"])
    ends = [(example[end]["term"], example[end]["score"]) for end in ("lowest", "highest")]
    return {"text": text, "mask": masked(text), "ends": ends}


def by_term(audit: Audit, theme: Theme, narrow: bool) -> Figure | None:
    """A panel for each kind of term: how often the sentences that should not be flagged are."""
    swap = audit.part("swap")
    if swap is None:
        return None
    models = swap["models"]
    terms = next(iter(models.values()))["terms"]
    panels = []
    for kind in dict.fromkeys(term["kind"] for term in terms.values()):
        names = [name for name, term in terms.items() if term["kind"] == kind and term["flagged"]["cases"]]
        names.sort(key=lambda name: -sum(found["terms"][name]["flagged"]["share"] for found in models.values()))
        panels.append((kind, {m: {n: found["terms"][n]["flagged"] for n in names} for m, found in models.items()}))
    # Kinds of about as many terms are beside each other.
    panels.sort(key=lambda panel: -len(next(iter(panel[1].values()))))
    return dot_figure(audit, panels, theme, narrow, columns=2)


PLOTS = (
    AuditPlot(
        "swap",
        "False alarms by identity term",
        "The same {negative} sentences with one term after the other: the share that is flagged, with 95 % intervals. "
        "Within a panel all else is equal, so the terms of one kind should be on one vertical line.",
        by_term,
    ),
)
