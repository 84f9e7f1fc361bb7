"""Figures without global state: making one, styling its axes, and writing it as SVG or PNG."""

import io
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, cast

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import is_color_like, to_hex
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from retort.report.style import ADAPTIVE, DARK, LIGHT, Mark, Theme

# Inches. A narrow figure is drawn anew for a phone, not a wide one shrunk.
WIDE, NARROW = 7.6, 3.7

_SVG_DPI, _PNG_DPI = 72, 160

_SETTINGS = {
    "axes.linewidth": 0.8,
    "axes.titlelocation": "left",
    "axes.titlesize": 9.5,
    "axes.labelsize": 8.5,
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "lines.linewidth": 1.7,
    "lines.markersize": 5,
    "svg.fonttype": "none",
    "text.parse_math": False,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
}

_PAGE_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def settings(salt: str) -> Any:
    """A context in which figures are drawn and saved: the report's font sizes, and the same bytes every time."""
    return matplotlib.rc_context(cast(Any, _SETTINGS | {"svg.hashsalt": salt}))


def panels(
    count: int, theme: Theme, narrow: bool, *, columns: int, height: float, extra: float = 0, **options: Any
) -> tuple[Figure, list[Axes]]:
    """A figure of `count` styled axes, at most `columns` in a row (one or two when narrow).

    `height` is that of a row of axes, `extra` that of legend and labels around all of them, in inches.
    """
    if narrow:
        columns = 2 if columns > 2 else 1
    columns = min(count, columns)
    lines = -(-count // columns)
    figure = Figure(figsize=(NARROW if narrow else WIDE, height * lines + extra), layout="constrained")
    FigureCanvasAgg(figure)
    figure.set_facecolor(theme["paper"])
    grid = figure.subplots(lines, columns, squeeze=False, **options)
    axes = [axis for line in grid for axis in line]
    for spare in axes[count:]:
        spare.set_visible(False)
    for axis in axes[:count]:
        dress(axis, theme)
    # Shared axes have tick labels in the last row only; where that row has gaps, the panel above shows them.
    for above in axes[max(0, count - columns) : count]:
        above.tick_params(labelbottom=True)
    return figure, axes[:count]


def dress(axis: Axes, theme: Theme) -> None:
    """Styles axes: no box, a light grid, text in the theme's ink."""
    axis.set_facecolor("none")
    axis.spines[["top", "right"]].set_visible(False)
    axis.spines[["left", "bottom"]].set_color(theme["muted"])
    axis.tick_params(colors=theme["muted"], length=3, labelcolor=theme["ink"])
    axis.grid(True, color=theme["grid"], linewidth=0.7)
    axis.set_axisbelow(True)
    axis.xaxis.label.set_color(theme["muted"])
    axis.yaxis.label.set_color(theme["muted"])


def title(axis: Axes, text: str, theme: Theme, place: Literal["left", "center"] = "left") -> None:
    """A panel's heading."""
    axis.set_title(text, fontweight="bold", color=theme["ink"], loc=place)


def whole_epochs(axes: Iterable[Axes], last: int) -> None:
    """An x axis from epoch 1 to `last`, with at most eight ticks. Axes that share it all need the same `last`."""
    for axis in axes:
        axis.set_xticks(range(1, last + 1, -(-last // 8)))
        axis.set_xlim(0.8, last + 0.2)


def line_places(count: int) -> np.ndarray[Any, Any]:
    """The heights of `count` lines of a dot plot, the first on top."""
    return np.arange(count)[::-1]


def name_lines(axis: Axes, names: Sequence[str]) -> None:
    """The names of a dot plot's lines, at `line_places`, in the place of a y axis."""
    axis.set_yticks(line_places(len(names)), names)
    axis.set_ylim(-0.7, len(names) - 0.3)
    axis.grid(False, axis="y")
    axis.spines["left"].set_visible(False)
    axis.tick_params(axis="y", length=0)


def seed_dots(axis: Axes, values: Sequence[float | None] | None, place: float, theme: Theme) -> None:
    """A small dot for every seed, just below the line of a dot plot at `place`; nothing for a single seed."""
    known = [value for value in values or [] if value is not None]
    if len(known) > 1:
        axis.plot(
            known, [place - 0.27] * len(known), color=theme["ink"], marker="o", markersize=2.4, markeredgewidth=0,
            alpha=0.65, linestyle="none",
        )  # fmt: skip


def handle(mark: Mark, theme: Theme, label: str, *, line: bool = True) -> Line2D:
    """An entry of a legend."""
    colour = theme[mark.colour]
    return Line2D(
        [], [], color=colour, linestyle=mark.line if line else "none", marker=mark.marker, markerfacecolor=colour,
        label=label,
    )  # fmt: skip


def legend_above(figure: Figure, handles: list[Line2D], theme: Theme, narrow: bool) -> None:
    """One legend for all panels, above them, with as many columns as the labels leave room for."""
    longest = max(len(str(handle.get_label())) for handle in handles)
    columns = min(len(handles), max(1, (52 if narrow else 104) // (longest + 8)))
    # Matplotlib fills a legend column by column; people read it line by line.
    ordered = [handles[i] for start in range(columns) for i in range(start, len(handles), columns)]
    figure.legend(
        handles=ordered, loc="outside upper left", ncols=columns, labelcolor=theme["ink"], handlelength=2.2,
        columnspacing=1.4,
    )  # fmt: skip


def as_svg(figure: Figure, name: str) -> str:
    """The figure as an SVG element that takes the width of its place: the page's font, no date, no program name."""
    buffer = io.StringIO()
    # Not savefig, which draws everything twice: first for the layout, which is computed by drawing anyway.
    figure.set_dpi(_SVG_DPI)
    canvas = cast(Any, FigureCanvasSVG(figure))
    canvas.print_svg(buffer, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    text = buffer.getvalue()
    text = text[text.index("<svg ") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = text.replace("'DejaVu Sans', sans-serif", _PAGE_FONT).replace("'DejaVu Sans'", _PAGE_FONT)
    # Several drawings are on one page: every id has its drawing's name as a prefix.
    text = re.sub(r'\bid="', f'id="{name}-', text)
    text = re.sub(r'(href="#|url\(#)', rf"\1{name}-", text)
    return re.sub(r'(<svg [^>]*?) ?width="[^"]*"', r"\1", re.sub(r'(<svg [^>]*?) ?height="[^"]*"', r"\1", text))


def repainted(figure: Figure, before: Theme, after: Theme) -> Figure:
    """The same figure in another theme's colours. Its layout, which takes most of the time, is kept."""
    figure.set_layout_engine("none")
    names = {colour: name for name, colour in before.colours.items()}
    for artist in figure.findobj():
        for part in ("color", "facecolor", "edgecolor", "markerfacecolor", "markeredgecolor"):
            read, write = getattr(artist, f"get_{part}", None), getattr(artist, f"set_{part}", None)
            colour = read() if read and write else None
            if write and is_color_like(colour) and (name := names.get(to_hex(cast(Any, colour)))):
                write(after[name])
    return figure


def write_pngs(figure: Figure, folder: Path, name: str) -> None:
    """Writes NAME.png and NAME-dark.png of a figure in `ADAPTIVE` colours, which has the dark ones afterwards."""
    before = ADAPTIVE
    for theme, ending in ((LIGHT, ""), (DARK, "-dark")):
        (folder / f"{name}{ending}.png").write_bytes(as_png(repainted(figure, before, theme)))
        before = theme


def as_png(figure: Figure) -> bytes:
    """The figure as PNG at 160 dots per inch, without the name or version of a program."""
    buffer = io.BytesIO()
    figure.set_dpi(_PNG_DPI)
    cast(Any, FigureCanvasAgg(figure)).print_png(buffer, metadata={"Software": None})
    return buffer.getvalue()
