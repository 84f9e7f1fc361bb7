"""Shares of failed cases as dot plots, with models side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from retort.report import canvas, display
from retort.report.audit.result import Audit
from retort.report.style import Theme

Entries = Mapping[str, Mapping[str, Any]]

# Inches: of a line with one model and of each further model, and around the lines.
_LINE, _FURTHER, _AROUND = 0.2, 0.085, 0.62
_LONGEST_NAME = {False: 44, True: 22}


def dot_figure(
    audit: Audit,
    panels: Sequence[tuple[str, Mapping[str, Entries]]],
    theme: Theme,
    narrow: bool,
    *,
    columns: int = 1,
    percent: bool = True,
) -> Figure | None:
    """Dot plots, one line for each name, a mark with its interval for each model.

    panels: (title, {model: {name: share entry}}); the same names for every model. Panels without names are left out.
    columns: of panels beside each other, unless narrow. percent: whether the axis is in percent, or a number up to 1
    that begins where the intervals do.
    """
    drawn = [(title, shares) for title, shares in panels if any(shares.values())]
    if not drawn:
        return None
    columns = 1 if narrow else min(columns, len(drawn))
    line = _LINE + _FURTHER * max(0, len(audit.models) - 1)
    heights = [_AROUND + line * len(next(iter(shares.values()))) for _, shares in drawn]
    rows = [max(heights[start : start + columns]) for start in range(0, len(heights), columns)]
    figure, axes = canvas.panels(
        len(drawn), theme, narrow, columns=columns, height=sum(rows) / len(rows), extra=0.4,
        gridspec_kw={"height_ratios": rows},
    )  # fmt: skip
    for axis, (title, shares) in zip(axes, drawn, strict=True):
        _panel(axis, audit, shares, theme, narrow or columns > 1)
        if percent:
            axis.set_xlim(-0.015, 1.015)
            axis.set_xticks([0, 0.25, 0.5, 0.75, 1], ["0 %", "25 %", "50 %", "75 %", "100 %"])
        else:
            axis.set_xlim(_least(shares) - 0.02, 1.015)
        canvas.title(axis, title, theme)
    handles = [canvas.handle(audit.marks[name], theme, name, line=False) for name in audit.models]
    canvas.legend_above(figure, handles, theme, narrow)
    return figure


def _panel(axis: Axes, audit: Audit, shares: Mapping[str, Entries], theme: Theme, narrow: bool) -> None:
    names = list(next(iter(shares.values())))
    places = canvas.line_places(len(names))
    number = len(shares)
    for index, (model, entries) in enumerate(shares.items()):
        look, shift = audit.marks[model], 0.62 * ((number - 1) / 2 - index) / max(1, number)
        known = [(p, entries[n]) for p, n in zip(places + shift, names, strict=True) if entries[n]["share"] is not None]
        ends = [x for _, entry in known for x in (entry["low"], entry["high"], None)]
        heights = [y for place, _ in known for y in (place, place, None)]
        axis.plot(ends, heights, color=theme[look.colour], linewidth=1.3, alpha=0.65)  # type: ignore[arg-type]
        axis.plot(
            [entry["share"] for _, entry in known], [place for place, _ in known], color=theme[look.colour],
            marker=look.marker, markersize=4.2, linestyle="none", zorder=3,
        )  # fmt: skip
    canvas.name_lines(axis, [_short(name, narrow) for name in names])


def _least(shares: Mapping[str, Entries]) -> float:
    known: list[float] = [
        entry["low"] for entries in shares.values() for entry in entries.values() if entry["low"] is not None
    ]
    return min([0.9, *known])


def _short(name: str, narrow: bool) -> str:
    longest, words = _LONGEST_NAME[narrow], display.plain(name)
    return words if len(words) <= longest else words[: longest - 1].rstrip() + "…"
