"""The report's tables as plain rows, the same for the page, the Markdown file and the terminal.

A table is data: columns, and rows of cells. A cell is its text, a note in smaller type (an interval) and,
where there is no number, the reason. Nothing here computes a figure; `comparison` holds them all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from retort.evaluation.metrics import METRICS
from retort.report import formats

Comparison = Mapping[str, Any]

# What `comparison["arms"][arm]["kind"]` may be, in the order of a reader's interest.
BASELINES = ("majority", "tfidf")

# Above it, pairs with a baseline are shown apart.
MANY_PAIRS = 21

_REMARKS = {"a": "{a} is better", "b": "{b} is better", "tie": "tie", "cannot tell": "cannot tell"}


@dataclass(frozen=True)
class Column:
    """A heading; `numeric` columns are aligned right."""

    title: str
    numeric: bool = True


@dataclass(frozen=True)
class Cell:
    """`note` stands below the text in smaller type; `why` says why there is no number."""

    text: str
    note: str = ""
    why: str = ""
    tone: str = ""  # "good", "bad", "unsure" or nothing: for the page alone, never the only sign


@dataclass(frozen=True)
class Table:
    """Columns and rows of equal width; the first cell of a row names it."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: str = ""
    footnotes: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        found = dict.fromkeys(cell.why for row in self.rows for cell in row if cell.why)
        object.__setattr__(self, "footnotes", tuple(found))

    def mark(self, cell: Cell) -> str:
        """The number of a cell's footnote, or nothing."""
        return str(self.footnotes.index(cell.why) + 1) if cell.why else ""

    def texts(self) -> list[list[str]]:
        """Every row as plain texts: `0.912 (0.871 to 0.940)`."""
        return [[f"{cell.text} ({cell.note})" if cell.note else cell.text for cell in row] for row in self.rows]


def seed_table(comparison: Comparison) -> Table:
    """The original assignment's own table: train loss, validation loss and accuracy after the last epoch."""
    columns = (
        Column("model", numeric=False),
        Column("epochs"),
        Column("train loss"),
        Column("train loss, all terms"),
        Column("validation loss"),
        Column("validation accuracy"),
    )
    rows = []
    for arm, facts in comparison["arms"].items():
        history = facts.get("history") or []
        if not history:
            rows.append(_untrained(arm, facts, comparison))
            continue
        last = history[-1]
        train, why = last.get("train_loss") or {}, "this term is not part of the arm's loss"
        rows.append(
            (
                Cell(arm),
                Cell(formats.whole(last["epoch"])),
                _cell(train.get("hard"), why),
                _cell(train.get("total"), "no train loss was recorded"),
                _cell(last.get("validation_loss"), "not recorded"),
                _cell((last.get("validation") or {}).get("accuracy"), "not recorded"),
            )
        )
    return Table(
        columns,
        tuple(rows),
        "After the last epoch. Train loss is the hard term alone (binary cross-entropy against the labels), "
        "the same quantity as validation loss; what distillation adds stands in “all terms”.",
    )


def _untrained(arm: str, facts: Mapping[str, Any], comparison: Comparison) -> tuple[Cell, ...]:
    why = "not trained in epochs"
    nothing = Cell(formats.NOTHING, why=why)
    share = majority_share(comparison, "validation") if facts.get("kind") == "majority" else None
    return (Cell(arm), nothing, nothing, nothing, nothing, _cell(share, why))


def majority_share(comparison: Comparison, split: str) -> float | None:
    """The accuracy of always giving the larger class of the primary attribute, or None when not recorded."""
    share = (comparison.get("data", {}).get("shares", {}).get(split) or {}).get(comparison["primary"])
    return None if share is None else max(share, 1 - share)


def judged_table(comparison: Comparison, attribute: str | None = None, metrics: Sequence[str] = METRICS) -> Table:
    """Every arm's figures on the test split with their 95 % intervals; the primary attribute unless named."""
    attribute = attribute or comparison["primary"]
    columns = (Column("model", numeric=False), *(Column(formats.METRIC_NAMES[m]) for m in metrics))
    rows = [
        (Cell(arm), *(_figure((facts["test"].get(attribute) or {}).get(metric)) for metric in metrics))
        for arm, facts in comparison["arms"].items()
    ]
    return Table(columns, tuple(rows), f"{formats.attribute(attribute)}, test split; 95 % interval below each figure.")


def attributes_table(comparison: Comparison, metric: str = "average_precision") -> Table:
    """One metric of every arm (rows) and attribute (columns)."""
    columns = (
        Column("model", numeric=False),
        *(Column(formats.attribute(name)) for name in comparison["attributes"]),
    )
    rows = [
        (Cell(arm), *(_figure((facts["test"].get(name) or {}).get(metric)) for name in comparison["attributes"]))
        for arm, facts in comparison["arms"].items()
    ]
    return Table(columns, tuple(rows), f"{formats.METRIC_NAMES[metric].capitalize()} on the test split.")


def with_baseline(comparison: Comparison, row: Mapping[str, Any]) -> bool:
    """Whether one side of a pair is a baseline."""
    return any(comparison["arms"][row[side]].get("kind") in BASELINES for side in "ab")


def pairs_table(comparison: Comparison, metric: str = "average_precision", *, baselines: bool | None = None) -> Table:
    """Paired differences a - b on one metric, what may be said of each, and what it would take to say more.

    `baselines`: only pairs with one, only pairs without, or (None) all.
    """
    columns = (
        Column("compared", numeric=False),
        Column("difference"),
        Column("95 % interval"),
        Column("p"),
        Column("verdict", numeric=False),
        Column("test comments it would take"),
    )
    rows = [
        _pair(row)
        for row in comparison["pairs"]
        if row["metric"] == metric and baselines in (None, with_baseline(comparison, row))
    ]
    return Table(
        columns,
        tuple(rows),
        f"{formats.METRIC_NAMES[metric].capitalize()} of the first model minus that of the second, on the same test "
        "comments. The last column: how many for showing a difference of the observed size with 80 % power at 5 %.",
    )


def _pair(row: Mapping[str, Any]) -> tuple[Cell, ...]:
    why = str(row.get("why") or "not computed")
    verdict = _REMARKS[row["verdict"]].format(a=row["a"], b=row["b"])
    tone = {"a": "good", "b": "good", "tie": "", "cannot tell": "unsure"}[row["verdict"]]
    p_value = row.get("p_value")
    return (
        Cell(f"{row['a']} − {row['b']}"),
        Cell(formats.signed(row["difference"]), why="" if row["difference"] is not None else why),
        Cell(formats.between(row.get("low"), row.get("high"), sign=True) or formats.NOTHING),
        Cell("< 0.001" if p_value is not None and p_value < 0.001 else formats.number(p_value)),
        Cell(verdict, tone=tone),
        _needed(row),
    )


def _needed(row: Mapping[str, Any]) -> Cell:
    if row["verdict"] != "cannot tell":
        return Cell("these were enough")
    if row.get("comments_needed") is None:
        return Cell(formats.NOTHING, why=str(row.get("why") or "not computed"))
    return Cell(formats.rounded(row["comments_needed"]))


def cost_table(comparison: Comparison) -> Table:
    """Layers, parameters, bytes, time and speed of every arm."""
    columns = (
        Column("model", numeric=False),
        Column("teacher layers kept", numeric=False),
        Column("parameters"),
        Column("trainable"),
        Column("on disk"),
        Column("training"),
        Column("peak memory"),
        Column("one comment, p50"),
        Column("p95"),
        Column("comments / s"),
    )
    return Table(
        columns,
        tuple(_cost(arm, facts) for arm, facts in comparison["arms"].items()),
        "What each model costs on the machine that ran the comparison.",
    )


def _cost(arm: str, facts: Mapping[str, Any]) -> tuple[Cell, ...]:
    cost = facts.get("cost") or {}
    parameters, latency = facts.get("parameters") or {}, cost.get("latency_ms") or {}
    why = str(cost.get("why") or "not measured for this model")
    kept = facts.get("layer_indices")

    def cell(text: str) -> Cell:
        return Cell(text, why=why if text == formats.NOTHING else "")

    return (
        Cell(arm),
        Cell(formats.layers(kept), why="" if kept is not None else "has no transformer layers"),
        cell(formats.whole(parameters.get("total"))),
        cell(formats.whole(parameters.get("trainable"))),
        cell(formats.size(cost.get("size_bytes"))),
        cell(formats.seconds(cost.get("train_seconds"))),
        cell(formats.size(cost.get("peak_train_memory_bytes"))),
        cell(formats.milliseconds(latency.get("p50"))),
        cell(formats.milliseconds(latency.get("p95"))),
        cell(formats.rate(cost.get("comments_per_second"))),
    )


def data_table(comparison: Comparison) -> Table:
    """Rows of every split, and the share of positives of every attribute in it."""
    shares = comparison.get("data", {}).get("shares", {})
    columns = (
        Column("split", numeric=False),
        Column("comments"),
        *(Column(formats.attribute(name)) for name in comparison["attributes"]),
    )
    rows = []
    for split, share in shares.items():
        cells = [
            Cell(
                formats.percent(share.get(name)),
                # Of the other attributes some comments may be unrated, so that a share gives no count.
                note=formats.whole(share[name] * share["rows"]) if name == comparison["primary"] else "",
                why="" if share.get(name) is not None else "not rated",
            )
            for name in comparison["attributes"]
        ]
        rows.append((Cell(split), Cell(formats.whole(share.get("rows"))), *cells))
    return Table(columns, tuple(rows), "Share of positive comments per attribute, among those rated for it.")


def markdown(table: Table) -> str:
    """The table in GitHub's Markdown, with its footnotes as a list below it."""
    lines = [
        _line(column.title for column in table.columns),
        _line("---:" if column.numeric else ":---" for column in table.columns),
    ]
    lines += [_line(_in_markdown(table, cell) for cell in row) for row in table.rows]
    notes = [f"<sup>{index}</sup> {_escaped(text)}." for index, text in enumerate(table.footnotes, 1)]
    return "\n".join([*lines, *(["", "  \n".join(notes)] if notes else [])])


def _in_markdown(table: Table, cell: Cell) -> str:
    text = _escaped(cell.text)
    if cell.note:
        text += f"<br><sub>{_escaped(cell.note)}</sub>"
    return f"{text}<sup>{table.mark(cell)}</sup>" if cell.why else text


def _line(cells: Any) -> str:
    return "| " + " | ".join(cells) + " |"


def _escaped(text: str) -> str:
    for character in "\\`*_[]<>|":
        text = text.replace(character, "&lt;" if character == "<" else f"\\{character}")
    return " ".join(text.split())


def _figure(entry: Mapping[str, Any] | None) -> Cell:
    if entry is None or entry.get("value") is None:
        return Cell(formats.NOTHING, why=formats.why(dict(entry or {})))
    low, high = entry.get("low"), entry.get("high")
    # MCC alone may lie below 0, where a dash would look like a sign.
    interval = formats.between(low, high) if low is not None and low < 0 else formats.span(low, high)
    return Cell(formats.number(entry["value"]), note=interval, why="" if interval else formats.why(dict(entry)))


def _cell(value: float | None, why: str) -> Cell:
    return Cell(formats.number(value), why=why if value is None else "")
