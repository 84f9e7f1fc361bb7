"""Paired differences between the models on the same test comments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
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
    """Paired differences in average precision with their intervals and seeds, over the band of the margin.

    Pairs with the constant baseline are drawn only where there are no others: their size would hide the others.
    """
    comparison = run.comparison
    known = [row for row in comparison.pairs() if row["difference"] is not None]
    rows = [row for row in known if comparison.constant not in (row["a"], row["b"])] or known
    if len(rows) > MANY_PAIRS:
        rows = [row for row in rows if not comparison.has_baseline(row)]
    if not rows:
        return None
    figure, (axis,) = canvas.panels(1, theme, narrow, columns=1, height=0.24 * len(rows) + 0.8, extra=0.3)
    if comparison.margin is not None:
        axis.axvspan(-comparison.margin, comparison.margin, color=theme["sky"], alpha=0.22, linewidth=0, zorder=0)
    axis.axvline(0, color=theme["ink"], linewidth=1)
    for row, place in zip(rows, canvas.line_places(len(rows)), strict=True):
        _difference(axis, place, row, theme)
    canvas.name_lines(axis, [f"{row['a']} − {row['b']}" for row in rows])
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: display.signed(x, 2)))
    axis.set_xlabel("difference in average precision")
    found = dict.fromkeys(verdict for verdict in _LOOKS if any(row["verdict"] == verdict for row in rows))
    canvas.legend_above(figure, [_handle(verdict, theme) for verdict in found], theme, narrow)
    return figure


@dataclass(frozen=True)
class _Look:
    """How a verdict is drawn: by colour, by marker, and by whether it is filled."""

    colour: str
    marker: str
    filled: bool


_LOOKS = {
    "better": _Look("blue", "o", True),
    "equivalent": _Look("green", "s", True),
    "not worse": _Look("green", "D", False),
    "cannot tell": _Look("muted", "o", False),
}


def _style(verdict: str, theme: Theme) -> dict[str, Any]:
    look = _LOOKS[verdict]
    colour = theme[look.colour]
    face = colour if look.filled else theme["paper"]
    return {"color": colour, "marker": look.marker, "markersize": 5.5, "markerfacecolor": face, "linestyle": "none"}


def _handle(verdict: str, theme: Theme) -> Line2D:
    return Line2D([], [], label=verdict, **_style(verdict, theme))


def _difference(axis: Axes, place: float, row: Mapping[str, Any], theme: Theme) -> None:
    style = _style(row["verdict"], theme)
    if row.get("low") is not None:
        axis.plot([row["low"], row["high"]], [place, place], color=style["color"], linewidth=2, alpha=0.6)
    canvas.seed_dots(axis, row.get("seeds"), place, theme)
    axis.plot([row["difference"]], [place], **style)


PLOTS = (
    Plot(
        "differences",
        "Paired differences",
        "Each line is one pair of models on the same test comments, with the 95 % interval of the difference; the "
        "band is the margin, within which a difference does not matter. With several seeds a small dot is the "
        "difference of one seed. A filled mark is shown by the data, a hollow one in part or not at all. Pairs "
        "with the constant baseline, and with many models those with any baseline, are in the table only.",
        differences,
    ),
)
