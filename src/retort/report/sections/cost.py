"""What each model costs, what it gives for that, and what each method does not save."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from retort.report import canvas, display
from retort.report.comparison import Comparison
from retort.report.comparison_tables import running_costs_table, training_costs_table
from retort.report.limits import LIMITS
from retort.report.pareto import front
from retort.report.plots import Plot
from retort.report.run_folder import Run
from retort.report.savings import not_saved
from retort.report.style import Theme, marks

TITLE = "Quality against cost"
POSITION = 60

_LIMIT: Mapping[str, Any] = {"linestyle": (0, (5, 2)), "linewidth": 1.2}
_FRONT: Mapping[str, Any] = {"linestyle": "-", "linewidth": 1.0}


def content(run: Run) -> dict[str, Any]:
    """Bytes, time and speed in use; time, memory and bytes of making and keeping; what is not saved."""
    comparison = run.comparison
    return {
        "running": running_costs_table(comparison),
        "training": training_costs_table(comparison),
        "savings": not_saved(comparison),
    }


@dataclass(frozen=True)
class _Panel:
    """One cost: its title and axis, how to get and display it, and the name of its limit, if it can have one."""

    title: str
    axis: str
    cost: Callable[[Comparison, str], float | None]
    written: Callable[[float], str]
    limit: str = ""


_PANELS = (
    _Panel("against time", "one comment, median", Comparison.latency, display.milliseconds, "latency_ms"),
    _Panel("against size", "on disk", lambda c, arm: c.cost(arm, "size_bytes"), display.size, "size_mb"),
    _Panel(
        "against training", "training, teacher included", lambda c, arm: c.cost(arm, "total_seconds"), display.seconds
    ),
)


def quality_against_cost(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """Average precision against latency, bytes on disk and training time, on log axes, with the Pareto front."""
    comparison, looks = run.comparison, marks(run.comparison)
    judged = [arm for arm in comparison.arms if comparison.value(arm, "average_precision") is not None]
    found = [(panel, costs) for panel in _PANELS if (costs := _costs(comparison, judged, panel))]
    if not found:
        return None
    figure, axes = canvas.panels(
        len(found), theme, False, columns=1 if narrow else 3, height=2.5 if narrow else 2.9, extra=0.5
    )
    if narrow:
        figure.set_size_inches(canvas.NARROW, figure.get_figheight())
    for (panel, costs), axis in zip(found, axes, strict=True):
        _scatter(axis, comparison, costs, theme)
        _axis(axis, panel, comparison, theme)
    axes[0].set_ylabel("average precision, test")
    shown = [arm for arm in judged if any(arm in costs for _, costs in found)]
    handles = [canvas.handle(looks[arm], theme, arm, line=False) for arm in shown]
    handles.append(Line2D([], [], color=theme["muted"], label="Pareto front", **_FRONT))
    if any(panel.limit in comparison.limits for panel, _ in found):
        handles.append(Line2D([], [], color=theme["vermillion"], label="limit", **_LIMIT))
    canvas.legend_above(figure, handles, theme, narrow)
    return figure


def _costs(comparison: Comparison, arms: list[str], panel: _Panel) -> dict[str, float]:
    """The arms with a cost above 0, which a log axis can show."""
    return {arm: cost for arm in arms if (cost := panel.cost(comparison, arm))}


def _scatter(axis: Axes, comparison: Comparison, costs: dict[str, float], theme: Theme) -> None:
    looks = marks(comparison)
    points = {arm: (cost, comparison.value(arm, "average_precision") or 0.0) for arm, cost in costs.items()}
    best = [points[arm] for arm in front(points)]
    axis.step(*zip(*best, strict=True), where="post", color=theme["muted"], zorder=1, **_FRONT)
    for arm, (cost, value) in points.items():
        figure, look = comparison.figure(arm, "average_precision"), looks[arm]
        colour = theme[look.colour]
        if figure.get("low") is not None:
            axis.plot([cost, cost], [figure["low"], figure["high"]], color=colour, linewidth=2, alpha=0.35)
        axis.plot([cost], [value], color=colour, marker=look.marker, markersize=7.5, linestyle="none")


def _axis(axis: Axes, panel: _Panel, comparison: Comparison, theme: Theme) -> None:
    if panel.limit in comparison.limits:
        limit = comparison.limits[panel.limit] * LIMITS[panel.limit].unit
        axis.axvline(limit, color=theme["vermillion"], zorder=1, **_LIMIT)
    axis.set_xscale("log")
    low, high = axis.get_xlim()
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high / low < 12 else (1,), numticks=5))
    axis.xaxis.set_major_formatter(
        FuncFormatter(lambda x, _: panel.written(x).replace(".0 ", " ").replace(".00 ", " "))
    )
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.set_xlim(low / 1.4, high * 1.4)
    axis.set_xlabel(panel.axis)
    canvas.title(axis, panel.title, theme)


PLOTS = (
    Plot(
        "quality-cost",
        "Quality against cost",
        "Up and to the left is better: more average precision for less time, space or training. Bars are 95 % "
        "intervals. The line is the Pareto front: models for which no other has a figure at least as high at no higher "
        "cost; where bars overlap, the order on it may be chance.",
        quality_against_cost,
    ),
)
