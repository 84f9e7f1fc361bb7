"""How the models rank the test comments, and how their verdicts meet the labels."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from sklearn import metrics as sk

from retort.evaluation.metrics import Array
from retort.report import canvas
from retort.report.plots import Plot
from retort.report.run_folder import Run
from retort.report.style import Theme, marks
from retort.tasks import Task

TITLE = "Ranking and verdicts"
POSITION = 50

_POINTS = 500


def content(run: Run) -> dict[str, Any] | None:
    """Only plots; nothing without a rated test comment."""
    return {} if len(run.judged().labels) else None


def ranking_curves(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """ROC and precision-recall on the test split, with what chance would give."""
    judged, looks, task = run.judged(), marks(run.comparison), run.comparison.task
    if not judged.labels.any() or judged.labels.all():
        return None
    figure, (roc, precision_recall) = canvas.panels(2, theme, narrow, columns=2, height=3.5)
    for place, arm in enumerate(judged.scores):
        look, scores = looks[arm], judged.first(arm)
        # Markers a fifth of the panel apart; each arm's start elsewhere so that they do not cover each other.
        style: dict[str, Any] = {"color": theme[look.colour], "linestyle": look.line, "marker": look.marker}
        style |= {"markevery": (0.02 * place, 0.2), "markersize": 4}
        false_rate, true_rate, _ = sk.roc_curve(judged.labels, scores)
        roc.plot(*_thinned(false_rate, true_rate), **style)
        precision, recall, _ = sk.precision_recall_curve(judged.labels, scores)
        # Average precision is the area under steps, so steps are drawn.
        precision_recall.step(*_thinned(recall, precision), where="post", **style)
    chance: dict[str, Any] = {"color": theme["muted"], "linewidth": 0.9, "linestyle": (0, (1, 2))}
    roc.plot([0, 1], [0, 1], **chance)
    precision_recall.axhline(float(judged.labels.mean()), **chance)
    _name_axes(roc, precision_recall, task, theme)
    canvas.legend_above(figure, [canvas.handle(looks[arm], theme, arm) for arm in judged.scores], theme, narrow)
    return figure


def _name_axes(roc: Axes, precision_recall: Axes, task: Task, theme: Theme) -> None:
    for axis in (roc, precision_recall):
        axis.set_xlim(-0.02, 1.02)
        axis.set_ylim(-0.02, 1.04)
    found = f"share of {task.adjective} comments found (recall)"
    canvas.title(roc, "ROC", theme)
    roc.set_xlabel(f"share of {task.negative_adjective} comments flagged")
    roc.set_ylabel(found)
    canvas.title(precision_recall, "precision and recall", theme)
    precision_recall.set_xlabel(found)
    precision_recall.set_ylabel("share of flags that are right")


def _thinned(x: Array, y: Array) -> tuple[Array, Array]:
    """At most 500 points, both ends among them: more are invisible and take megabytes."""
    if len(x) <= _POINTS:
        return x, y
    kept = np.unique(np.linspace(0, len(x) - 1, _POINTS).round().astype(int))
    return x[kept], y[kept]


def confusion_matrices(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """Counts of verdict against label; the shade is the share of the row."""
    judged, looks = run.judged(), marks(run.comparison)
    many = len(judged.scores) > 6
    figure, axes = canvas.panels(
        len(judged.scores), theme, narrow, columns=5 if many else 6, height=1.75 if many and not narrow else 1.6
    )
    for arm, axis in zip(judged.scores, axes, strict=True):
        verdicts = judged.first(arm) >= run.comparison.threshold(arm)
        counts = sk.confusion_matrix(judged.labels, verdicts, labels=[0, 1])
        _matrix(axis, counts, run.comparison.task, theme, theme[looks[arm].colour])
        canvas.title(axis, arm, theme, "center")
    figure.supxlabel("the model's verdict", fontsize=8.5, color=theme["muted"])
    figure.supylabel("the raters' label", fontsize=8.5, color=theme["muted"])
    return figure


def _matrix(axis: Axes, counts: Array, task: Task, theme: Theme, colour: str) -> None:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for (row, column), count in np.ndenumerate(counts):
        shade = 0.06 + 0.5 * float(shares[row, column])
        place = (column - 0.47, row - 0.47)
        axis.add_patch(Rectangle(place, 0.94, 0.94, facecolor=colour, alpha=shade, linewidth=0))
        axis.text(column, row, f"{count:,}", ha="center", va="center", color=theme["ink"])
    axis.set_xlim(-0.5, 1.5)
    axis.set_ylim(1.5, -0.5)
    axis.set_aspect("equal")
    words = [task.negative_adjective, task.adjective]
    axis.set_xticks([0, 1], words, fontsize=7.5)
    axis.set_yticks([0, 1], [word.replace("-", "-\n").replace(" ", "\n") for word in words], fontsize=7.5)
    axis.grid(False)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)


PLOTS = (
    Plot(
        "ranking",
        "ROC and precision-recall",
        "Left, up and to the left is better; the dotted diagonal is chance. Right, up and to the right is better; the "
        "dotted line is the share of {positive} comments, the precision of flagging at random. With few {positive} "
        "comments the right one is the one to read.{first}",
        ranking_curves,
    ),
    Plot(
        "confusion",
        "Confusion matrices",
        "Test comments by label (row) and verdict (column) at each model's threshold; the darker, the larger the share "
        "of its row. An empty right column is a model that never answers “{positive}”.{first}",
        confusion_matrices,
    ),
)
