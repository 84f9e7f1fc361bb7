"""Shares of failed cases as dot plots, with models side by side."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from retort.report import canvas
from retort.report.audit.result import Audit
from retort.report.style import Theme

Entries = Mapping[str, Mapping[str, Any]]

# Inches: of a line with one model and of each further model, and around the lines.
_LINE, _FURTHER, _AROUND = 0.2, 0.085, 0.62
_LONGEST_NAME = {False: 44, True: 22}


def shares_figure(
    audit: Audit, panels: Sequence[tuple[str, Mapping[str, Entries]]], theme: Theme, narrow: bool
) -> Figure | None:
    """Dot plots below each other, one line for each name, a mark with its interval for each model.

    panels: (title, {model: {name: share entry}}); the same names for every model. Panels without names are left out.
    """
    drawn = [(title, shares) for title, shares in panels if any(shares.values())]
    if not drawn:
        return None
    counts = [len(next(iter(shares.values()))) for _, shares in drawn]
    line = _LINE + _FURTHER * max(0, len(audit.models) - 1)
    heights = [_AROUND + line * count for count in counts]
    figure, axes = canvas.panels(
        len(drawn), theme, narrow, columns=1, height=sum(heights) / len(drawn), extra=0.4,
        gridspec_kw={"height_ratios": heights},
    )  # fmt: skip
    for axis, (title, shares) in zip(axes, drawn, strict=True):
        _panel(axis, audit, shares, theme, narrow)
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
        for place, name in zip(places + shift, names, strict=True):
            entry = entries[name]
            if entry["share"] is not None:
                ends = [100 * entry["low"], 100 * entry["high"]]
                axis.plot(ends, [place, place], color=theme[look.colour], linewidth=1.3, alpha=0.65)
                axis.plot(
                    [100 * entry["share"]], [place], color=theme[look.colour], marker=look.marker, markersize=4.2,
                    linestyle="none", zorder=3,
                )  # fmt: skip
    canvas.name_lines(axis, [_short(name, narrow) for name in names])
    axis.set_xlim(-1.5, 101.5)
    axis.set_xticks([0, 25, 50, 75, 100], ["0 %", "25 %", "50 %", "75 %", "100 %"])


def _short(name: str, narrow: bool) -> str:
    longest = _LONGEST_NAME[narrow]
    return name if len(name) <= longest else name[: longest - 1].rstrip() + "…"
