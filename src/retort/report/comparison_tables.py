"""The tables that both the report and the terminal show. Nothing is computed here but means over seeds."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from retort.report import display
from retort.report.comparison import Comparison
from retort.report.tables import Cell, Column, Table, figure_cell, number_cell

# With more pairs than this, those with a baseline get a table of their own and are not drawn.
MANY_PAIRS = 21

METRICS = tuple(display.METRIC_NAMES)

_MODEL = Column("model", numeric=False)
_TONES = {"better": "good", "cannot tell": "unsure"}


def losses_table(comparison: Comparison) -> Table:
    """Train loss, validation loss and accuracy after the last epoch: the original assignment's own table."""
    titles = ("epochs", "train loss", "train loss, all terms", "validation loss", "validation accuracy")
    seeds = f" Means over {len(comparison.seeds)} seeds, sd below them." if len(comparison.seeds) > 1 else ""
    return Table(
        (_MODEL, *map(Column, titles)),
        tuple(_losses(comparison, arm) for arm in comparison.arms),
        "After the last epoch. Train loss is binary cross-entropy against the labels, the same quantity as validation "
        f"loss; “all terms” is the sum that training minimises.{seeds}",
    )


def _losses(comparison: Comparison, arm: str) -> tuple[Cell, ...]:
    lasts = [history[-1] for history in comparison.histories(arm)]
    if not lasts:
        why = "not trained in epochs"
        share = comparison.majority_share("validation") if arm == comparison.constant else None
        return (Cell(arm), *[Cell(display.NOTHING, why=why)] * 4, number_cell(share, why))
    return (
        Cell(arm),
        Cell(" or ".join(dict.fromkeys(display.whole(last["epoch"]) for last in lasts))),
        _mean([last.get("label_loss") for last in lasts], "the labels are not part of this arm's loss"),
        _mean([(last.get("train_loss") or {}).get("total") for last in lasts], "no train loss was recorded"),
        _mean([last.get("validation_loss") for last in lasts], "not recorded"),
        _mean([(last.get("validation") or {}).get("accuracy") for last in lasts], "not recorded"),
    )


def _mean(values: Sequence[float | None], why: str) -> Cell:
    """The mean over the seeds with the standard deviation between them; a dash where one of them is missing."""
    known = [value for value in values if value is not None]
    if len(known) < len(values):
        return number_cell(None, why)
    spread = statistics.stdev(known) if len(known) > 1 else None
    return Cell(display.number(statistics.mean(known)), note=display.spread(spread))


def judged_table(comparison: Comparison, label: str | None = None, metrics: Sequence[str] = METRICS) -> Table:
    """Every arm's figures on the test split with their 95 % intervals; for the primary label unless one is named."""
    label = label or comparison.primary
    figures = {arm: facts["test"].get(label) or {} for arm, facts in comparison.arms.items()}
    title = comparison.task.title(label)
    caption = f"{title[0].upper()}{title[1:]} on the test split; 95 % interval below each figure"
    if len(comparison.seeds) > 1:
        caption += (
            f". Means over {len(comparison.seeds)} seeds: the interval holds the chance in comments and seeds, "
            "sd is the standard deviation between the seeds"
        )
    elif comparison.seeds:
        caption += ". One seed, no spread: the interval holds the chance in comments only"
    caption += ". F1, precision, recall and accuracy are at each model's own threshold, chosen on validation"
    perfect = any((figures[arm].get("ece") or {}).get("perfect") is not None for arm in figures)
    caption += "; “perfect” is the ECE expected of perfectly calibrated probabilities." if perfect else "."
    return figures_table(figures, metrics, caption)


def figures_table(figures: Mapping[str, Mapping[str, Any]], metrics: Sequence[str], caption: str = "") -> Table:
    """`figures` are {row: {metric: figure}}."""
    columns = (_MODEL, *(Column(display.METRIC_NAMES[metric]) for metric in metrics))
    rows = [(Cell(name), *(figure_cell(found.get(metric)) for metric in metrics)) for name, found in figures.items()]
    return Table(columns, tuple(rows), caption)


def pairs_table(comparison: Comparison, metric: str = "average_precision", *, baselines: bool | None = None) -> Table:
    """Paired differences a - b on one metric, their verdicts, and what would show a difference as large as the margin.

    `baselines`: only pairs with one, only pairs without, or (None) all.
    """
    columns = (
        Column("compared", numeric=False),
        Column("difference"),
        Column("95 % interval"),
        Column("p"),
        Column("p, Holm"),
        Column("verdict", numeric=False),
        Column("comments needed"),
        Column("seeds needed"),
    )
    rows = [row for row in comparison.pairs(metric) if baselines in (None, comparison.has_baseline(row))]
    return Table(columns, tuple(_pair(row) for row in rows), _pairs_caption(comparison, metric))


def _pairs_caption(comparison: Comparison, metric: str) -> str:
    caption = (
        f"{display.METRIC_NAMES[metric].capitalize()} of the first model minus that of the second, on the same test "
        "comments"
    )
    if len(comparison.seeds) > 1:
        caption += f", mean over {len(comparison.seeds)} seeds"
    margin = comparison.margin
    if margin is None:
        return f"{caption}."
    return (
        f"{caption}. Margin {margin:g}. “Better”: the interval excludes 0 and p is below 0.05 after Holm's correction. "
        "“Equivalent”: the whole interval is within the margin. “Not worse”: not by more than the margin. The last "
        "columns: what would show a difference as large as the margin with 80 % power at 5 %."
    )


def _pair(row: Mapping[str, Any]) -> tuple[Cell, ...]:
    missing = "" if row["difference"] is not None else display.why(row, "not computed")
    interval = display.between(row.get("low"), row.get("high"), sign=True)
    return (
        Cell(f"{row['a']} − {row['b']}"),
        Cell(display.signed(row["difference"]), note=display.spread(row.get("spread")), why=missing),
        Cell(interval or display.NOTHING, why="" if interval or missing else display.why(row, "not computed")),
        Cell(display.p_value(row.get("p_value"))),
        Cell(display.p_value(row.get("p_holm"))),
        Cell(verdict_words(row), tone=_TONES.get(row["verdict"], "")),
        *_needed(row),
    )


def verdict_words(row: Mapping[str, Any]) -> str:
    """`odd is better`, `equivalent`, `odd not worse` or `cannot tell`; of a row of "pairs" or of `Comparison.pair`."""
    favoured = str(row.get(row["favours"], row["favours"]))
    words = {"better": f"{favoured} is better", "not worse": f"{favoured} not worse"}
    return words.get(row["verdict"], str(row["verdict"]))


def _needed(row: Mapping[str, Any]) -> tuple[Cell, Cell]:
    if row["verdict"] in ("better", "equivalent"):
        return Cell("enough"), Cell("enough")
    comments, seeds, why = row.get("comments_needed"), row.get("seeds_needed"), display.why(row)
    return (
        Cell(display.rounded(comments), why=why if comments is None else ""),
        Cell(display.whole(seeds), why=why if seeds is None else ""),
    )


def running_costs_table(comparison: Comparison) -> Table:
    """What using every arm costs: size, memory, time and speed."""
    titles = ("parameters", "on disk", "memory to serve", "one comment, p50", "p95", "comments / s")
    devices = dict.fromkeys(str(cost["device"]) for cost in _costs(comparison) if cost.get("device"))
    where = f"; device: {display.listed(list(devices))}" if devices else ""
    return Table(
        (_MODEL, Column("layers kept", numeric=False), *map(Column, titles)),
        tuple(_running_cost(arm, facts) for arm, facts in comparison.arms.items()),
        f"What each model costs to use, on the machine that ran the comparison{where}.",
    )


def training_costs_table(comparison: Comparison) -> Table:
    """What making every arm costs, its teacher included, and what keeping it costs."""
    titles = ("trainable", "training", "teacher first", "total", "peak memory", "adapter", "ten tasks")
    caption = "What each model costs to make and to keep. "
    caption += "“Training” is the mean over the seeds. " if len(comparison.seeds) > 1 else ""
    caption += (
        "“Teacher first”: the teacher and its outputs, which must exist before. “Peak memory” is what the arm's own "
        "training added. “Ten tasks”: storage of ten models, or of one base with ten adapters."
    )
    outputs = (comparison.content.get("costs") or {}).get("teacher_outputs_seconds")
    if outputs is not None:
        caption += f" Computing the teacher's outputs once for all students took {display.seconds(outputs)}."
    rows = tuple(_training_cost(comparison, arm) for arm in comparison.arms)
    return Table((_MODEL, *map(Column, titles)), rows, caption)


def _costs(comparison: Comparison) -> list[Mapping[str, Any]]:
    return [facts.get("cost") or {} for facts in comparison.arms.values()]


def _running_cost(arm: str, facts: Mapping[str, Any]) -> tuple[Cell, ...]:
    cost = facts.get("cost") or {}
    parameters, latency = facts.get("parameters") or {}, cost.get("latency_ms") or {}
    kept = facts.get("layer_indices")
    texts = (
        display.whole(parameters.get("total")),
        display.size(cost.get("size_bytes")),
        display.size(cost.get("resident_bytes")),
        display.milliseconds(latency.get("p50")),
        display.milliseconds(latency.get("p95")),
        display.rate(cost.get("comments_per_second")),
    )
    return (
        Cell(arm),
        Cell(display.layers(kept) if kept else display.NOTHING, why="" if kept else "has no transformer layers"),
        *(_measured(text, cost) for text in texts),
    )


def _training_cost(comparison: Comparison, arm: str) -> tuple[Cell, ...]:
    facts = comparison.arms[arm]
    cost = facts.get("cost") or {}
    total = cost.get("total_seconds")
    adapter = arm in comparison.adapters
    return (
        Cell(arm),
        _measured(display.whole((facts.get("parameters") or {}).get("trainable")), cost),
        _measured(display.seconds(cost.get("train_seconds")), cost),
        _measured(
            display.seconds(cost.get("teacher_seconds")), {"why": "needs no teacher"} if total is not None else cost
        ),
        _measured(display.seconds(total), cost),
        _measured(display.size(cost.get("peak_train_memory_bytes")), cost),
        _measured(
            display.size(cost.get("adapter_bytes")), cost if adapter else {"why": "is no adapter"}
        ),
        _measured(display.size(cost.get("ten_tasks_bytes")), cost),
    )  # fmt: skip


def _measured(text: str, cost: Mapping[str, Any]) -> Cell:
    return Cell(text, why=display.why(cost, "not measured for this model") if text == display.NOTHING else "")
