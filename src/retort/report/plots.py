"""Every plot of the report: its name, what it shows, and what to see in it."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from retort.report import canvas, curves, drawings, quality
from retort.report.source import Run
from retort.report.style import ADAPTIVE, DARK, LIGHT, Theme, adapted, standalone

Draw = Callable[[Run, Theme, bool], Figure | None]


@dataclass(frozen=True)
class Plot:
    """`name` is the file's name and the anchor on the page; `caption` says what to see."""

    name: str
    title: str
    caption: str
    draw: Draw


PLOTS = (
    Plot(
        "figures",
        "Figures with their intervals",
        "Each mark is a figure on the test split, each bar its 95 % interval. Bars that overlap widely are no "
        "ranking; the paired differences below say what the data can tell.",
        quality.figures_with_intervals,
    ),
    Plot(
        "differences",
        "Paired differences",
        "Each line is one pair of models on the same test comments. A filled blue dot is a difference that the data "
        "shows, a green square a tie, a hollow grey dot one that it cannot tell. With many models, pairs with a "
        "baseline stand in the table alone.",
        quality.differences,
    ),
    Plot(
        "learning-curves",
        "Learning curves",
        "The same quantity on both lines: binary cross-entropy against the labels. A validation line that turns "
        "up while the train line falls is overfitting. Train is averaged while the epoch runs, with dropout on, "
        "so in the first epochs it may lie above validation.",
        curves.learning_curves,
    ),
    Plot(
        "distillation-terms",
        "Distillation terms",
        "What only distilled models minimise, before weighting. These have a plot of their own because they are "
        "not comparable with the loss against labels.",
        curves.distillation_terms,
    ),
    Plot(
        "validation",
        "Validation by epoch",
        "The dotted line is the accuracy of always giving the larger class: only what lies above it was learned.",
        curves.validation_curves,
    ),
    Plot(
        "ranking",
        "ROC and precision-recall",
        "Left, up and to the left is better; the dotted diagonal is chance. Right, up and to the right is better; the "
        "dotted line is the share of toxic comments, what flagging at random would give. With few toxic comments "
        "the right one is the one to read.",
        quality.ranking_curves,
    ),
    Plot(
        "confusion",
        "Confusion matrices",
        "Test comments by label (row) and verdict (column) at the decision threshold; the darker, the larger the share "
        "of its row. An empty right column is a model that never says “toxic”.",
        quality.confusion_matrices,
    ),
    Plot(
        "quality-cost",
        "Quality against cost",
        "Up and to the left is better: more average precision for less time or space. Bars are 95 % intervals.",
        quality.quality_against_cost,
    ),
    Plot(
        "layers",
        "Layers kept",
        "Numbered from 0 at the input. Filled: copied from the teacher. Dashed: dropped. Outlined with a tab: kept "
        "frozen, with LoRA adapters beside it.",
        drawings.layers_kept,
    ),
    Plot(
        "lengths",
        "Length of the comments",
        "Words per comment over all splits, on a log axis, each kind as a share of its own.",
        drawings.comment_lengths,
    ),
)


@dataclass(frozen=True)
class Drawn:
    """A plot as the page shows it: SVG elements for wide and for narrow screens."""

    plot: Plot
    wide: str
    narrow: str


def draw_all(run: Run, folder: Path) -> dict[str, Drawn]:
    """{name: Drawn} of the plots that this run has data for.

    Writes NAME.svg (light or dark as its reader is), NAME.png and NAME-dark.png into `folder`.
    """
    folder.mkdir(exist_ok=True)
    drawn = {}
    for plot in PLOTS:
        with canvas.settings(plot.name):
            wide = plot.draw(run, ADAPTIVE, False)
            narrow = plot.draw(run, ADAPTIVE, True)
            if wide is None or narrow is None:
                continue
            svg = adapted(canvas.as_svg(wide, plot.name))
            drawn[plot.name] = Drawn(plot, svg, adapted(canvas.as_svg(narrow, f"{plot.name}-narrow")))
            (folder / f"{plot.name}.svg").write_text(standalone(svg), "utf-8")
            before = ADAPTIVE
            for theme, ending in ((LIGHT, ""), (DARK, "-dark")):
                png = canvas.as_png(canvas.repainted(wide, before, theme))
                (folder / f"{plot.name}{ending}.png").write_bytes(png)
                before = theme
    return drawn
