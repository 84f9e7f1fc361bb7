"""The tables that both the report and the terminal show. Nothing is computed here: the comparison holds all figures."""

from collections.abc import Mapping, Sequence
from typing import Any

from retort.evaluation.metrics import METRICS
from retort.report import display
from retort.report.comparison import Comparison
from retort.report.tables import Cell, Column, Table, figure_cell, number_cell

# With more pairs than this, those with a baseline get a table of their own and are not drawn.
MANY_PAIRS = 21

_MODEL = Column("model", numeric=False)
_REMARKS = {"a": "{a} is better", "b": "{b} is better", "tie": "tie", "cannot tell": "cannot tell"}
_TONES = {"a": "good", "b": "good", "tie": "", "cannot tell": "unsure"}


def losses_table(comparison: Comparison) -> Table:
    """Train loss, validation loss and accuracy after the last epoch: the original assignment's own table."""
    titles = ("epochs", "train loss", "train loss, all terms", "validation loss", "validation accuracy")
    return Table(
        (_MODEL, *map(Column, titles)),
        tuple(_losses(comparison, arm) for arm in comparison.arms),
        "After the last epoch. Train loss is binary cross-entropy against the labels, the same quantity as validation "
        "loss; “all terms” is the sum that training minimises.",
    )


def _losses(comparison: Comparison, arm: str) -> tuple[Cell, ...]:
    history = comparison.history(arm)
    if not history:
        why = "not trained in epochs"
        share = comparison.majority_share("validation") if arm == comparison.constant else None
        return (Cell(arm), *[Cell(display.NOTHING, why=why)] * 4, number_cell(share, why))
    last = history[-1]
    return (
        Cell(arm),
        Cell(display.whole(last["epoch"])),
        number_cell(last.get("label_loss"), "the labels are not part of this arm's loss"),
        number_cell((last.get("train_loss") or {}).get("total"), "no train loss was recorded"),
        number_cell(last.get("validation_loss"), "not recorded"),
        number_cell((last.get("validation") or {}).get("accuracy"), "not recorded"),
    )


def judged_table(comparison: Comparison, label: str | None = None, metrics: Sequence[str] = METRICS) -> Table:
    """Every arm's figures on the test split with their 95 % intervals; for the primary label unless one is named."""
    label = label or comparison.primary
    figures = {arm: facts["test"].get(label) or {} for arm, facts in comparison.arms.items()}
    title = comparison.task.title(label)
    caption = f"{title[0].upper()}{title[1:]} on the test split; 95 % interval below each figure."
    return figures_table(figures, metrics, caption)


def figures_table(figures: Mapping[str, Mapping[str, Any]], metrics: Sequence[str], caption: str = "") -> Table:
    """`figures` are {row: {metric: figure}}."""
    columns = (_MODEL, *(Column(display.METRIC_NAMES[metric]) for metric in metrics))
    rows = [(Cell(name), *(figure_cell(found.get(metric)) for metric in metrics)) for name, found in figures.items()]
    return Table(columns, tuple(rows), caption)


def pairs_table(comparison: Comparison, metric: str = "average_precision", *, baselines: bool | None = None) -> Table:
    """Paired differences a - b on one metric, their verdicts, and how many test comments a verdict would take.

    `baselines`: only pairs with one, only pairs without, or (None) all.
    """
    columns = (
        Column("compared", numeric=False),
        Column("difference"),
        Column("95 % interval"),
        Column("p"),
        Column("verdict", numeric=False),
        Column("test comments needed"),
    )
    rows = [row for row in comparison.pairs(metric) if baselines in (None, comparison.has_baseline(row))]
    return Table(
        columns,
        tuple(_pair(row) for row in rows),
        f"{display.METRIC_NAMES[metric].capitalize()} of the first model minus that of the second, on the same test "
        "comments. The last column: how many show a difference of the observed size with 80 % power at 5 %.",
    )


def _pair(row: Mapping[str, Any]) -> tuple[Cell, ...]:
    p_value = row.get("p_value")
    missing = "" if row["difference"] is not None else display.why(row, "not computed")
    return (
        Cell(f"{row['a']} − {row['b']}"),
        Cell(display.signed(row["difference"]), why=missing),
        Cell(display.between(row.get("low"), row.get("high"), sign=True) or display.NOTHING),
        Cell("< 0.001" if p_value is not None and p_value < 0.001 else display.number(p_value)),
        Cell(_REMARKS[row["verdict"]].format(a=row["a"], b=row["b"]), tone=_TONES[row["verdict"]]),
        _needed(row),
    )


def _needed(row: Mapping[str, Any]) -> Cell:
    if row["verdict"] != "cannot tell":
        return Cell("these were enough")
    if row.get("comments_needed") is None:
        return Cell(display.NOTHING, why=display.why(row, "not computed"))
    return Cell(display.rounded(row["comments_needed"]))


def cost_table(comparison: Comparison) -> Table:
    """Layers, parameters, bytes, time and speed of every arm."""
    titles = (
        "parameters", "trainable", "on disk", "training", "peak memory", "one comment, p50", "p95", "comments / s",
    )  # fmt: skip
    caption = "What each model costs on the machine that ran the comparison."
    outputs = (comparison.content.get("costs") or {}).get("teacher_outputs_seconds")
    if outputs is not None:
        caption += (
            f" Computing the teacher's outputs once for all students took {display.seconds(outputs)}, "
            "which is in no model's training time."
        )
    return Table(
        (_MODEL, Column("layers kept", numeric=False), *map(Column, titles)),
        tuple(_cost(arm, facts) for arm, facts in comparison.arms.items()),
        caption,
    )


def _cost(arm: str, facts: Mapping[str, Any]) -> tuple[Cell, ...]:
    cost = facts.get("cost") or {}
    parameters, latency = facts.get("parameters") or {}, cost.get("latency_ms") or {}
    why = display.why(cost, "not measured for this model")
    kept = facts.get("layer_indices")
    texts = (
        display.whole(parameters.get("total")),
        display.whole(parameters.get("trainable")),
        display.size(cost.get("size_bytes")),
        display.seconds(cost.get("train_seconds")),
        display.size(cost.get("peak_train_memory_bytes")),
        display.milliseconds(latency.get("p50")),
        display.milliseconds(latency.get("p95")),
        display.rate(cost.get("comments_per_second")),
    )
    return (
        Cell(arm),
        Cell(display.layers(kept), why="" if kept is not None else "has no transformer layers"),
        *(Cell(text, why=why if text == display.NOTHING else "") for text in texts),
    )
