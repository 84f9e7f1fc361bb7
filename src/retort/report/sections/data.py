"""The data: its splits, shares of positives, and the length of its comments."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from retort.report import canvas, display
from retort.report.comparison import Comparison
from retort.report.plots import Plot
from retort.report.run_folder import Run
from retort.report.style import Theme
from retort.report.tables import Cell, Column, Table

TITLE = "The data"
POSITION = 80


def content(run: Run) -> dict[str, Any]:
    """Rows and shares of every split."""
    return {"data": data_table(run.comparison)}


def data_table(comparison: Comparison) -> Table:
    """Rows of every split, and the share of positives of every label in it."""
    columns = (
        Column("split", numeric=False),
        Column("comments"),
        *(Column(comparison.task.title(name)) for name in comparison.labels),
    )
    shares = comparison.content.get("data", {}).get("shares", {})
    rows = [
        (
            Cell(split),
            Cell(display.whole(share.get("rows"))),
            *(_share(share, name, counted=name == comparison.primary) for name in comparison.labels),
        )
        for split, share in shares.items()
    ]
    return Table(columns, tuple(rows), "Share of positive comments for each label, among those rated for it.")


def _share(share: Mapping[str, Any], name: str, *, counted: bool) -> Cell:
    # Only the primary label is rated for every comment; a share of the others gives no count.
    value = share.get(name)
    note = display.whole(value * share["rows"]) if counted and value is not None else ""
    return Cell(display.percent(value), note=note, why="" if value is not None else "not rated")


def comment_lengths(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """How many words the positive and the negative comments have, each as a share of their own number."""
    if run.texts is None:
        return None
    labels = run.labels(run.splits)
    words = np.array([len(run.texts.get(str(i), "").split()) for i in run.splits.index])
    if not (labels == 1).any() or not (labels == 0).any():
        return None
    task = run.comparison.task
    figure, (axis,) = canvas.panels(1, theme, narrow, columns=1, height=2.3)
    edges = np.unique(np.round(np.geomspace(1, max(int(words.max()), 2) + 1, 22)))
    for chosen, colour, line, word in (
        (labels == 0, "blue", "-", task.negative_adjective),
        (labels == 1, "vermillion", (0, (4, 2)), task.adjective),
    ):
        shares = np.histogram(words[chosen], edges)[0] / chosen.sum()
        axis.stairs(100 * shares, edges, color=theme[colour], linewidth=1.8, linestyle=line, label=word)
    axis.set_xscale("log")
    ticks = [tick for tick in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000) if tick <= edges[-1]]
    axis.set_xticks(ticks, [str(tick) for tick in ticks])
    axis.minorticks_off()
    axis.set_ylim(bottom=0)
    axis.set_xlabel("words in the comment")
    axis.set_ylabel("% of its class")
    axis.legend(labelcolor=theme["ink"])
    return figure


PLOTS = (
    Plot(
        "lengths",
        "Length of the comments",
        "Words in a comment over all splits, on a log axis, each class as a share of its own number.",
        comment_lengths,
    ),
)
