"""What each model costs, and what it gives for that."""

from collections.abc import Callable
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, NullFormatter

from retort.report import canvas, display
from retort.report.comparison import Comparison
from retort.report.comparison_tables import cost_table
from retort.report.plots import Plot
from retort.report.run_folder import Run
from retort.report.style import Theme, marks

TITLE = "Quality against cost"
POSITION = 60


def content(run: Run) -> dict[str, Any]:
    """Layers, parameters, bytes, time and speed."""
    return {"cost": cost_table(run.comparison)}


def quality_against_cost(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """Average precision against the time of one comment and against bytes on disk, both on log axes."""
    comparison, looks = run.comparison, marks(run.comparison)
    judged = [arm for arm in comparison.arms if comparison.value(arm, "average_precision") is not None]
    timed = {arm: latency for arm in judged if (latency := comparison.latency(arm))}
    sized = {arm: size for arm in judged if (size := comparison.cost(arm, "size_bytes"))}
    if not timed:
        return None
    figure, (time, space) = canvas.panels(2, theme, narrow, columns=2, height=3.3)
    _scatter(time, comparison, timed, theme, display.milliseconds)
    canvas.title(time, "quality against time", theme)
    time.set_xlabel("one comment on CPU, median")
    _scatter(space, comparison, sized, theme, display.size)
    canvas.title(space, "quality against size", theme)
    space.set_xlabel("bytes on disk")
    handles = [canvas.handle(looks[arm], theme, arm, line=False) for arm in timed]
    canvas.legend_above(figure, handles, theme, narrow)
    return figure


def _scatter(
    axis: Axes, comparison: Comparison, costs: dict[str, float], theme: Theme, write: Callable[[float], str]
) -> None:
    looks = marks(comparison)
    for arm, cost in costs.items():
        figure, look = comparison.figure(arm, "average_precision"), looks[arm]
        colour = theme[look.colour]
        if figure.get("low") is not None:
            axis.plot([cost, cost], [figure["low"], figure["high"]], color=colour, linewidth=2, alpha=0.35)
        axis.plot([cost], [figure["value"]], color=colour, marker=look.marker, markersize=8, linestyle="none")
    axis.set_xscale("log")
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: write(x).replace(".0 ", " ")))
    axis.xaxis.set_minor_formatter(NullFormatter())
    low, high = axis.get_xlim()
    axis.set_xlim(low / 1.4, high * 1.4)
    axis.set_ylabel("average precision, test")


PLOTS = (
    Plot(
        "quality-cost",
        "Quality against cost",
        "Up and to the left is better: more average precision for less time or space. Bars are 95 % intervals.",
        quality_against_cost,
    ),
)
