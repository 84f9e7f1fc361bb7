"""Every model's figures on the test split, with their intervals and every seed."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from retort.report import canvas, display
from retort.report.comparison import Comparison
from retort.report.comparison_tables import judged_table
from retort.report.plots import Plot
from retort.report.run_folder import Run
from retort.report.style import Mark, Theme, marks
from retort.report.tables import Cell, Column, Table, figure_cell

TITLE = "Judged on the test split"
POSITION = 20


def content(run: Run) -> dict[str, Any]:
    """All figures of the primary label; one figure of every label, and all of the others' to unfold."""
    comparison = run.comparison
    others = [name for name in comparison.labels if name != comparison.primary]
    return {
        "judged": judged_table(comparison),
        "labels": labels_table(comparison) if others else None,
        "others": [(comparison.task.title(name), judged_table(comparison, name)) for name in others],
    }


def labels_table(comparison: Comparison, metric: str = "average_precision") -> Table:
    """One metric of every arm (rows) and label (columns)."""
    titles = [comparison.task.title(name) for name in comparison.labels]
    rows = [
        (Cell(arm), *(figure_cell(comparison.figure(arm, metric, name)) for name in comparison.labels))
        for arm in comparison.arms
    ]
    caption = f"{display.METRIC_NAMES[metric].capitalize()} on the test split."
    return Table((Column("model", numeric=False), *map(Column, titles)), tuple(rows), caption)


def figures_with_intervals(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """Average precision, ROC-AUC and F1 of every arm: the mean with its 95 % interval, and every seed as a dot."""
    arms, looks = list(run.comparison.arms), marks(run.comparison)
    metrics = ("average_precision", "roc_auc", "f1")
    figure, axes = canvas.panels(3, theme, False, columns=1 if narrow else 3, height=0.28 * len(arms) + 0.75)
    if narrow:
        figure.set_size_inches(canvas.NARROW, figure.get_figheight())
    places = canvas.line_places(len(arms))
    for metric, axis in zip(metrics, axes, strict=True):
        for arm, place in zip(arms, places, strict=True):
            _dot(axis, place, run.comparison.figure(arm, metric), looks[arm], theme)
        canvas.name_lines(axis, arms if narrow or metric == metrics[0] else [""] * len(arms))
        canvas.title(axis, display.METRIC_NAMES[metric], theme)
    return figure


def _dot(axis: Axes, place: float, found: Mapping[str, Any], look: Mark, theme: Theme) -> None:
    if found.get("value") is None:
        return
    colour = theme[look.colour]
    if found.get("low") is not None:
        axis.plot([found["low"], found["high"]], [place, place], color=colour, linewidth=2.4, alpha=0.45)
    canvas.seed_dots(axis, found.get("seeds"), place, theme)
    axis.plot([found["value"]], [place], color=colour, marker=look.marker, markersize=6.5, linestyle="none")


PLOTS = (
    Plot(
        "figures",
        "Figures with their intervals",
        "Each mark is a figure on the test split, each bar its 95 % interval; where there are several seeds, the mark "
        "is their mean and each small dot below it one seed. Widely overlapping bars give no ranking; the paired "
        "differences below show which differences the data supports.",
        figures_with_intervals,
    ),
)
