"""The table's ratios as bars on a log axis, each against its own goal: to the right it is met, to the left missed."""

import math
import re
from collections.abc import Sequence

import sides
from matplotlib.figure import Figure

from retort.report import canvas
from retort.report.style import ADAPTIVE, DARK, LIGHT, Theme, adapted, standalone

NAME = "benchmarks"
_LINE = 0.5
# Times the goal; beyond them a bar is cut, its figure is not.
_NARROWEST, _WIDEST = 2.0, 32.0


def times_the_goal(row: sides.Row) -> float | None:
    """How many times better than the goal a ratio is; None for what is no ratio or was not measured."""
    if row.value is None or not row.limit or not math.isfinite(row.value) or row.value <= 0:
        return None
    return row.value / row.limit if row.at_least else row.limit / row.value


def draw(rows: Sequence[sides.Row]) -> dict[str, bytes]:
    """{ending: content}: .svg (light or dark as its reader is), .png and -dark.png; nothing when no row is a ratio."""
    ratios = [row for row in rows if times_the_goal(row) is not None]
    if not ratios:
        return {}
    with canvas.settings(NAME):
        figure = _figure(ratios, ADAPTIVE)
        files = {".svg": standalone(adapted(canvas.as_svg(figure, NAME))).encode()}
        before = ADAPTIVE
        for theme, ending in ((LIGHT, ".png"), (DARK, "-dark.png")):
            files[ending] = canvas.as_png(canvas.repainted(figure, before, theme))
            before = theme
    return files


def _figure(rows: Sequence[sides.Row], theme: Theme) -> Figure:
    figure, (axis,) = canvas.panels(1, theme, False, columns=1, height=_LINE * len(rows) + 0.9)
    reached = [times_the_goal(row) or 1.0 for row in rows]
    widest = min(_WIDEST, max([_NARROWEST, *(1.3 * max(one, 1 / one) for one in reached)]))
    for place, (row, one) in enumerate(zip(rows, reached, strict=True)):
        end = min(max(one, 1 / widest), widest)
        # Never told by colour alone: a goal that is missed lies on the other side, and is hatched.
        axis.barh(
            -place, end - 1, left=1, height=0.36, color=theme["blue" if row.met else "vermillion"],
            hatch="" if row.met else "////", edgecolor=theme["paper"], linewidth=0,
        )  # fmt: skip
        line = -place + 0.36
        axis.text(0.0, line, row.what.strip(), transform=axis.get_yaxis_transform(), color=theme["ink"], va="center")
        said = _in_signs(f"{row.measured}, goal {row.goal}{'' if row.met else ', missed'}")
        axis.text(
            1.0, line, said, transform=axis.get_yaxis_transform(), color=theme["ink"], va="center", ha="right",
            fontweight="bold",
        )  # fmt: skip
    axis.axvline(1, color=theme["ink"], linewidth=1.2)
    axis.set_xscale("log", base=2)
    axis.set_xlim(1 / widest, widest)
    ticks = [tick for tick in (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1, 2, 4, 8, 16) if 1 / widest <= tick <= widest]
    axis.set_xticks(
        ticks, ["goal" if tick == 1 else f"{tick:g} x" if tick > 1 else f"1/{1 / tick:g}" for tick in ticks]
    )
    axis.minorticks_off()
    axis.set_ylim(-len(rows) + 0.55, 0.65)
    axis.set_yticks([])
    # Beside the bars alone, so that no line crosses the words above them.
    axis.grid(False)
    for tick in ticks:
        places = [-place for place in range(len(rows))]
        axis.vlines(
            [tick] * len(rows), [place - 0.25 for place in places], [place + 0.2 for place in places],
            color=theme["grid"], linewidth=0.8, zorder=0,
        )  # fmt: skip
    axis.spines["left"].set_visible(False)
    axis.set_xlabel("← missed · times better than its goal → (log axis)")
    return figure


def _in_signs(text: str) -> str:
    """Goals and ratios as people write them."""
    return re.sub(r" x\b", " ×", text.replace(">=", "≥").replace("<=", "≤"))
