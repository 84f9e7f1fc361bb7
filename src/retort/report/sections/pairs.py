"""Paired differences between the models on the same test comments."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from retort.report import canvas, display
from retort.report.comparison_tables import MANY_PAIRS, pairs_table
from retort.report.plots import Plot
from retort.report.run_folder import Run
from retort.report.style import Theme

TITLE = "Paired differences"
POSITION = 30


def content(run: Run) -> dict[str, Any]:
    """Differences in average precision; with many pairs those with a baseline apart; other metrics to unfold."""
    comparison = run.comparison
    many = len(comparison.pairs()) > MANY_PAIRS
    return {
        "pairs": pairs_table(comparison, baselines=False if many else None),
        "with_baseline": pairs_table(comparison, baselines=True) if many else None,
        "others": [(display.METRIC_NAMES[metric], pairs_table(comparison, metric)) for metric in ("accuracy", "f1")],
    }


def differences(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """Paired differences in average precision with their intervals; hollow where the data cannot tell."""
    rows = [row for row in run.comparison.pairs() if row["difference"] is not None]
    if len(rows) > MANY_PAIRS:
        rows = [row for row in rows if not run.comparison.has_baseline(row)]
    if not rows:
        return None
    figure, (axis,) = canvas.panels(1, theme, narrow, columns=1, height=0.2 * len(rows) + 0.8)
    axis.axvline(0, color=theme["ink"], linewidth=1)
    for row, place in zip(rows, canvas.line_places(len(rows)), strict=True):
        _difference(axis, place, row, theme)
    canvas.name_lines(axis, [f"{row['a']} − {row['b']}" for row in rows])
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: display.signed(x, 2)))
    axis.set_xlabel("difference in average precision")
    return figure


def _difference(axis: Axes, place: float, row: Mapping[str, Any], theme: Theme) -> None:
    verdict = row["verdict"]
    colour = theme[{"a": "blue", "b": "blue", "tie": "green", "cannot tell": "muted"}[verdict]]
    axis.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=2, alpha=0.6)
    axis.plot(
        [row["difference"]], [place], color=colour, marker="s" if verdict == "tie" else "o", markersize=5.5,
        markerfacecolor=theme["paper"] if verdict == "cannot tell" else colour, linestyle="none",
    )  # fmt: skip


PLOTS = (
    Plot(
        "differences",
        "Paired differences",
        "Each line is one pair of models on the same test comments. A filled blue dot is a difference that the data "
        "shows, a green square a tie, a hollow grey dot a difference that the data cannot decide. With many models, "
        "pairs with a baseline are in the table only.",
        differences,
    ),
)
