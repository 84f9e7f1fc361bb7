"""Shares of failed cases as cells of tables, on the page and on the terminal."""

from collections.abc import Mapping, Sequence
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
            Column("failed, of all cases"),
            Column(f"missed, of {task.adjective} cases"),
            Column(f"flagged, of {task.negative_adjective} cases"),
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


_VERBS = {"failed": "fails", "missed": "misses", "flagged": "flags", "flips": "flips"}


def pairs_table(pairs: Sequence[Mapping[str, Any]], measure: str = "") -> Table | None:
    """A row for each paired difference, None without any. measure: what the shares are of, where pairs do not say."""
    rows = []
    for pair in pairs:
        interval = display.between(100 * pair["low"], 100 * pair["high"], 1, sign=True)
        better = (
            Cell(f"{pair['better']} {_VERBS[pair.get('measure', measure)]} less", tone="good")
            if pair["better"]
            else Cell("cannot tell", tone="unsure")
        )
        difference = Cell(f"{display.signed(100 * pair['difference'], 1)} points", note=interval)
        counts = Cell(f"{pair['only_a']:,} / {pair['only_b']:,}")
        cells = (Cell(pair.get("measure", measure)), difference, counts, Cell(display.p_value(pair["p_holm"])), better)
        rows.append((Cell(f"{pair['a']} less {pair['b']}"), *cells))
    if not rows:
        return None
    return Table(
        (
            Column("pair", numeric=False),
            Column("share", numeric=False),
            Column("difference"),
            Column("by one alone"),
            Column("p, Holm"),
            Column("", numeric=False),
        ),
        tuple(rows),
        "Differences of shares on the same cases, with 95 % intervals; p by McNemar's exact test, over templates where "
        "cases share one, corrected for the number of pairs.",
    )
