"""Calibration of the probabilities, decision thresholds, and what it gains when people review uncertain comments."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from retort.evaluation.intervals import wilson
from retort.evaluation.metrics import Array, expected_calibration_error
from retort.evaluation.reliability import reliability as binned
from retort.report import canvas, display
from retort.report.comparison import Comparison
from retort.report.plots import Plot
from retort.report.run_folder import Judged, Run
from retort.report.style import Theme, marks
from retort.report.tables import Cell, Column, Table

TITLE = "Calibration and thresholds"
POSITION = 55

_MODEL = Column("model", numeric=False)
_BINS = 10
# A bin with fewer comments shows chance alone.
_FEWEST = 3
_DASHED = (0, (4, 2))


def content(run: Run) -> dict[str, Any] | None:
    """Methods with the ECE before and after, thresholds, and what a person's review gives; all of the primary label."""
    comparison, judged = run.comparison, run.judged()
    if not comparison.models or not len(judged.labels):
        return None
    return {
        "former": comparison.former,
        "methods": methods_table(comparison, judged),
        "thresholds": thresholds_table(comparison),
        "review": review_table(comparison),
    }


def methods_table(comparison: Comparison, judged: Judged) -> Table:
    """The calibration of every model and its expected calibration error on the test split."""
    columns = (
        _MODEL, Column("method", numeric=False), Column("validation comments"), Column("ECE before"),
        Column("ECE after"),
    )  # fmt: skip
    rows = tuple(_method(comparison, judged, arm) for arm in comparison.models)
    return Table(
        columns,
        rows,
        "Method and rows of the first seed, chosen on validation by log loss. ECE on the test split, mean over the "
        "seeds, with its interval; “perfect” is what perfectly calibrated probabilities would have on these comments.",
    )


def _method(comparison: Comparison, judged: Judged, arm: str) -> tuple[Cell, ...]:
    made = (comparison.arms[arm].get("calibration") or {}).get(comparison.primary) or {}
    before = np.mean([expected_calibration_error(judged.labels, scores) for scores in judged.uncalibrated[arm]])
    after = comparison.figure(arm, "ece")
    rows, positives = made.get("rows"), made.get("positives")
    notes = [display.span(after.get("low"), after.get("high"))]
    notes += [f"perfect {display.number(after['perfect'])}"] if after.get("perfect") is not None else []
    return (
        Cell(arm),
        Cell(str(made.get("method") or display.NOTHING), why=_why(made)),
        Cell(display.whole(rows), note=f"{display.whole(positives)} {comparison.task.adjective}" if positives else ""),
        Cell(display.number(float(before))),
        Cell(
            display.number(after.get("value")),
            note="\n".join(filter(None, notes)),
            why="" if after.get("value") is not None else display.why(after),
        ),
    )


def _why(made: Mapping[str, Any]) -> str:
    """The reason recorded with a choice, or for its absence."""
    return display.why(made) if made.get("why") or not made else ""


def thresholds_table(comparison: Comparison) -> Table:
    """The threshold of every model's verdicts, by what target it was chosen, and its values by seed."""
    columns = (
        _MODEL, Column("target", numeric=False), Column("threshold"), Column("validation comments"),
        Column("by seed", numeric=False),
    )  # fmt: skip
    return Table(
        columns,
        tuple(_threshold(comparison, arm) for arm in comparison.models),
        "Chosen on validation, then used unchanged on the test split. A probability at or above it is a positive "
        "verdict.",
    )


def _threshold(comparison: Comparison, arm: str) -> tuple[Cell, ...]:
    choice = (comparison.arms[arm].get("threshold_choices") or {}).get(comparison.primary) or {}
    values = comparison.thresholds(arm)
    rows, positives = choice.get("rows"), choice.get("positives")
    seeds = ", ".join(display.number(value) for value in values) if len(values) > 1 else display.NOTHING
    return (
        Cell(arm),
        Cell(str(choice.get("target") or display.NOTHING), why=_why(choice)),
        Cell(display.number(values[0])),
        Cell(display.whole(rows), note="" if positives is None else f"{positives:,} {comparison.task.adjective}"),
        Cell(seeds),
    )


def review_table(comparison: Comparison) -> Table | None:
    """Accuracy and recall when people decide the comments that a model is least sure of; None where not measured."""
    found = {arm: _review(comparison, arm) for arm in comparison.models}
    shares = sorted({float(share) for review in found.values() for share in review})
    if not shares:
        return None
    titles = [f"{title}, {share:.0%} reviewed" for share in shares for title in ("accuracy", "recall")]
    rows = []
    for arm, review in found.items():
        cells: list[Cell] = []
        for share in shares:
            entry: Mapping[str, Any] = next((e for key, e in review.items() if float(key) == share), {})
            seen = f"{display.percent(entry['share'])} seen" if entry.get("share") is not None else ""
            for metric in ("accuracy", "recall"):
                value = entry.get(metric)
                cells.append(
                    Cell(display.number(value), note=seen, why="" if value is not None else display.why(entry))
                )
        rows.append((Cell(arm), *cells))
    return Table(
        (_MODEL, *map(Column, titles)),
        tuple(rows),
        "On the test split, when people decide the comments within the “unsure” band, which was chosen on validation, "
        "and decide them as the raters did. Below each figure: the share of test comments in the band.",
    )


def _review(comparison: Comparison, arm: str) -> Mapping[str, Any]:
    return (comparison.arms[arm].get("review") or {}).get(comparison.primary) or {}


def reliability(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """A panel for each model: the share of positive comments by probability, before and after calibration."""
    comparison, judged, looks = run.comparison, run.judged(), marks(run.comparison)
    arms = comparison.models
    if not arms or not judged.labels.any():
        return None
    figure, axes = canvas.panels(
        len(arms), theme, narrow, columns=4, height=1.75, extra=0.8, sharex=True, sharey=True
    )  # fmt: skip
    for arm, axis in zip(arms, axes, strict=True):
        colour = theme[looks[arm].colour]
        axis.plot([0, 1], [0, 1], color=theme["muted"], linewidth=0.9, linestyle=(0, (1, 2)))
        before, after = judged.uncalibrated[arm][0], judged.first(arm)
        if not np.array_equal(before, after):
            bins = binned(judged.labels, before, _BINS, _FEWEST)
            axis.plot(
                bins.probabilities, bins.shares, color=theme["muted"], linestyle=_DASHED, marker="o", markersize=3.5,
                linewidth=1.2, markerfacecolor=theme["paper"],
            )  # fmt: skip
        _curve(axis, judged.labels, after, colour)
        canvas.title(axis, arm, theme)
        axis.set_xlim(-0.03, 1.03)
        axis.set_ylim(-0.03, 1.03)
        axis.set_xticks([0, 0.5, 1])
        axis.set_yticks([0, 0.5, 1])
    figure.supxlabel("probability, mean of the bin", fontsize=8.5, color=theme["muted"])
    figure.supylabel(f"share {comparison.task.adjective}", fontsize=8.5, color=theme["muted"])
    handles = [
        Line2D([], [], color=theme["muted"], linestyle=_DASHED, marker="o", markersize=3.5, label="before",
               markerfacecolor=theme["paper"]),
        Line2D([], [], color=theme["ink"], marker="o", markersize=4, label="as used"),
        Line2D([], [], color=theme["muted"], linestyle=(0, (1, 2)), linewidth=0.9, label="perfect"),
    ]  # fmt: skip
    canvas.legend_above(figure, handles, theme, narrow)
    return figure


def _curve(axis: Axes, labels: Array, probabilities: Array, colour: str) -> None:
    bins = binned(labels, probabilities, _BINS, _FEWEST)
    for x, y, count in zip(bins.probabilities, bins.shares, bins.rows, strict=True):
        axis.plot([x, x], wilson(y * count, count), color=colour, alpha=0.35, linewidth=2)
    axis.plot(bins.probabilities, bins.shares, color=colour, marker="o", markersize=4, linewidth=1.4)


PLOTS = (
    Plot(
        "reliability",
        "Reliability before and after calibration",
        "Test comments in ten bins of probability: on the dotted diagonal, as many are {positive} as the probability "
        "says. Solid: as the model is used, with 95 % intervals (Wilson). Dashed: before calibration, where there was "
        "one. Bins with fewer than three comments are left out.{first}",
        reliability,
    ),
)
