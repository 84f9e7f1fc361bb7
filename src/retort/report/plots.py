"""One plot of a section: drawn from a run for wide and narrow screens, and written as files."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from retort.report import canvas
from retort.report.run_folder import Run
from retort.report.style import ADAPTIVE, Theme, adapted, standalone

# (run, theme, whether for a narrow screen) -> the figure, or None when the run has no data for it.
Draw = Callable[[Run, Theme, bool], Figure | None]


@dataclass(frozen=True)
class Plot:
    """`name` is the file's name and the anchor on the page; `caption` explains how to read it.

    In the caption `{positive}` and `{negative}` become the task's words, and `{first}` a sentence where only the first
    of several seeds is drawn.
    """

    name: str
    title: str
    caption: str
    draw: Draw


@dataclass(frozen=True)
class Drawn:
    """A plot of one run: its texts, and SVG elements for wide and for narrow screens."""

    name: str
    title: str
    caption: str
    wide: str
    narrow: str


def draw_plot(plot: Plot, run: Run, folder: Path) -> Drawn | None:
    """Draws a plot, or returns None when the run has no data for it; files as `drawn` writes them."""
    task, seeds = run.comparison.task, len(run.comparison.seeds)
    first = f" Drawn: the first of {seeds} seeds." if seeds > 1 else ""
    caption = plot.caption.format(positive=task.adjective, negative=task.negative_adjective, first=first)
    return drawn(plot.name, plot.title, caption, lambda theme, narrow: plot.draw(run, theme, narrow), folder)


def drawn(
    name: str, title: str, caption: str, draw: Callable[[Theme, bool], Figure | None], folder: Path
) -> Drawn | None:
    """A plot drawn by `draw(theme, narrow)`; None when that draws nothing.

    Writes NAME.svg (which follows the reader's light or dark setting), NAME.png and NAME-dark.png into `folder`.
    """
    with canvas.settings(name):
        wide, narrow = draw(ADAPTIVE, False), draw(ADAPTIVE, True)
        if wide is None or narrow is None:
            return None
        svg = adapted(canvas.as_svg(wide, name))
        narrow_svg = adapted(canvas.as_svg(narrow, f"{name}-narrow"))
        (folder / f"{name}.svg").write_text(standalone(svg), "utf-8")
        canvas.write_pngs(wide, folder, name)
    return Drawn(name, title, caption, svg, narrow_svg)
