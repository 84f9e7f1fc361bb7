"""All cases together: what each model misses and flags, and whether two models differ by more than chance."""

from collections.abc import Mapping
from typing import Any

from retort.report import display
from retort.report.audit.result import Audit
from retort.report.audit.sections import AuditPlot
from retort.report.audit.tables import models_table
from retort.report.tables import Cell, Column, Table

TITLE = "All cases"
POSITION = 10
PLOTS: tuple[AuditPlot, ...] = ()


def content(audit: Audit) -> dict[str, Any]:
    """A row for each model, and one for each pair."""
    functional = audit.content["functional"]
    return {"models": models_table(audit), "pairs": _pairs(functional["pairs"])}


def _pairs(pairs: list[Mapping[str, Any]]) -> Table | None:
    rows = []
    for pair in pairs:
        if pair["functionality"] is not None:
            continue
        interval = display.between(100 * pair["low"], 100 * pair["high"], 1, sign=True)
        better = (
            Cell(f"{pair['better']} fails less", tone="good") if pair["better"] else Cell("cannot tell", tone="unsure")
        )
        difference = Cell(f"{display.signed(100 * pair['difference'], 1)} points", note=interval)
        counts = Cell(f"{pair['only_a']:,} / {pair['only_b']:,}")
        cells = (Cell(pair["measure"]), difference, counts, Cell(display.p_value(pair["p_holm"])), better)
        rows.append((Cell(f"{pair['a']} less {pair['b']}"), *cells))
    if not rows:
        return None
    return Table(
        (
            Column("pair", numeric=False),
            Column("of cases", numeric=False),
            Column("difference"),
            Column("failed by one alone"),
            Column("p, Holm"),
            Column("", numeric=False),
        ),
        tuple(rows),
        "Differences of shares on the same cases, with 95 % intervals; p by McNemar's exact test, over templates where "
        "cases share one, corrected for the number of pairs.",
    )
