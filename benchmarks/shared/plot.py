"""The ratios of the table as bars on a log axis, relative to their goals: right of the line is met, left is missed."""

import math
import re
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from benchmarks.shared.results import Row
from retort.report import canvas
from retort.report.style import ADAPTIVE, DARK, LIGHT, Theme, adapted, standalone

NAME = "benchmarks"
_ROW_INCHES = 0.5
# The axis spans at least and at most this many times the goal; longer bars are cut, their labels are not.
_NARROWEST, _WIDEST = 2.0, 32.0
_TICKS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16)


def times_the_goal(row: Row) -> float | None:
    """How many times better than its goal a ratio is; None for other rows and for what was not measured."""
    if row.value is None or not row.limit or not math.isfinite(row.value) or row.value <= 0:
        return None
    return row.value / row.limit if row.at_least else row.limit / row.value


def draw(rows: Sequence[Row]) -> dict[str, bytes]:
    """{ending: content} for .svg (follows the colour scheme), .png and -dark.png; empty without ratios."""
    bars = [(row, reached) for row in rows if (reached := times_the_goal(row)) is not None]
    if not bars:
        return {}
    with canvas.settings(NAME):
        figure = _figure(bars, ADAPTIVE)
        files = {".svg": standalone(adapted(canvas.as_svg(figure, NAME))).encode()}
        before = ADAPTIVE
        for theme, ending in ((LIGHT, ".png"), (DARK, "-dark.png")):
            files[ending] = canvas.as_png(canvas.repainted(figure, before, theme))
            before = theme
    return files


def _figure(bars: Sequence[tuple[Row, float]], theme: Theme) -> Figure:
    figure, (axis,) = canvas.panels(1, theme, False, columns=1, height=_ROW_INCHES * len(bars) + 0.9)
    furthest = max(1.3 * max(reached, 1 / reached) for _, reached in bars)
    widest = min(_WIDEST, max(_NARROWEST, furthest))
    for place, (row, reached) in enumerate(bars):
        _bar(axis, -place, row, min(max(reached, 1 / widest), widest), theme)
    ticks = [tick for tick in _TICKS if 1 / widest <= tick <= widest]
    _scale(axis, ticks, widest, theme)
    axis.set_ylim(-len(bars) + 0.55, 0.65)
    # Grid lines beside the bars only, so that they do not cross the labels.
    axis.grid(False)
    for tick in ticks:
        for place in range(len(bars)):
            axis.vlines(tick, -place - 0.25, -place + 0.2, color=theme["grid"], linewidth=0.8, zorder=0)
    return figure


def _bar(axis: Axes, place: float, row: Row, end: float, theme: Theme) -> None:
    """A bar from the goal to `end`, with its label above. Missed goals are also hatched, not only coloured."""
    axis.barh(
        place, end - 1, left=1, height=0.36, color=theme["blue" if row.met else "vermillion"],
        hatch="" if row.met else "////", edgecolor=theme["paper"], linewidth=0,
    )  # fmt: skip
    label = _in_signs(f"{row.measured}, goal {row.goal}{'' if row.met else ', missed'}")
    style: dict[str, Any] = {"transform": axis.get_yaxis_transform(), "color": theme["ink"], "va": "center"}
    axis.text(0.0, place + 0.36, row.what.strip(), **style)
    axis.text(1.0, place + 0.36, label, ha="right", fontweight="bold", **style)


def _scale(axis: Axes, ticks: Sequence[float], widest: float, theme: Theme) -> None:
    axis.axvline(1, color=theme["ink"], linewidth=1.2)
    axis.set_xscale("log", base=2)
    axis.set_xlim(1 / widest, widest)
    axis.set_xticks(
        ticks, ["goal" if tick == 1 else f"{tick:g} x" if tick > 1 else f"1/{1 / tick:g}" for tick in ticks]
    )
    axis.minorticks_off()
    axis.set_yticks([])
    axis.spines["left"].set_visible(False)
    axis.set_xlabel("← missed · times better than its goal → (log axis)")


def _in_signs(text: str) -> str:
    return re.sub(r" x\b", " ×", text.replace(">=", "≥").replace("<=", "≤"))
