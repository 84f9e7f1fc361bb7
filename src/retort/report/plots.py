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
    """Draws a plot, or returns None when the run has no data for it.

    Writes NAME.svg (which follows the reader's light or dark setting), NAME.png and NAME-dark.png into `folder`.
    """
    with canvas.settings(plot.name):
        wide, narrow = plot.draw(run, ADAPTIVE, False), plot.draw(run, ADAPTIVE, True)
        if wide is None or narrow is None:
            return None
        svg = adapted(canvas.as_svg(wide, plot.name))
        narrow_svg = adapted(canvas.as_svg(narrow, f"{plot.name}-narrow"))
        (folder / f"{plot.name}.svg").write_text(standalone(svg), "utf-8")
        canvas.write_pngs(wide, folder, plot.name)
    task = run.comparison.task
    seeds = len(run.comparison.seeds)
    first = f" Drawn: the first of {seeds} seeds." if seeds > 1 else ""
    caption = plot.caption.format(positive=task.adjective, negative=task.negative_adjective, first=first)
    return Drawn(plot.name, plot.title, caption, svg, narrow_svg)
