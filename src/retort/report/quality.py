"""What the arms are worth on the test split: figures with intervals, rankings, confusion, quality and cost."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, NullFormatter
from sklearn import metrics as sk

from retort.report import canvas, formats
from retort.report.source import Run
from retort.report.style import Theme, marks
from retort.report.tables import MANY_PAIRS, with_baseline

_POINTS = 500


def figures_with_intervals(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """Average precision, ROC-AUC and F1 of every arm as a dot with its 95 % interval."""
    arms, looks = list(run.arms), marks(run.arms)
    metrics = ("average_precision", "roc_auc", "f1")
    figure, axes = canvas.panels(3, theme, False, columns=1 if narrow else 3, height=0.28 * len(arms) + 0.75)
    if narrow:
        figure.set_size_inches(canvas.NARROW, figure.get_figheight())
    places = canvas.strict_grid(len(arms))
    for metric, axis in zip(metrics, axes, strict=True):
        for arm, place in zip(arms, places, strict=True):
            entry = (run.arms[arm]["test"].get(run.primary) or {}).get(metric) or {}
            _dot(axis, place, entry, looks[arm], theme)
        axis.set_yticks(places, arms if narrow or metric == metrics[0] else [""] * len(arms))
        axis.set_ylim(-0.6, len(arms) - 0.4)
        canvas.title(axis, formats.METRIC_NAMES[metric], theme)
        axis.grid(False, axis="y")
        axis.spines["left"].set_visible(False)
        axis.tick_params(axis="y", length=0)
    return figure


def _dot(axis: Axes, place: float, entry: dict[str, Any], look: Any, theme: Theme) -> None:
    if entry.get("value") is None:
        return
    colour = theme[look.colour]
    if entry.get("low") is not None:
        axis.plot([entry["low"], entry["high"]], [place, place], color=colour, linewidth=2.4, alpha=0.45)
    axis.plot([entry["value"]], [place], color=colour, marker=look.marker, markersize=6.5, linestyle="none")


def differences(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """Paired differences in average precision with their intervals; hollow where the data cannot tell."""
    rows = [r for r in run.comparison["pairs"] if r["metric"] == "average_precision" and r["difference"] is not None]
    if len(rows) > MANY_PAIRS:
        rows = [row for row in rows if not with_baseline(run.comparison, row)]
    if not rows:
        return None
    figure, (axis,) = canvas.panels(1, theme, narrow, columns=1, height=0.2 * len(rows) + 0.8)
    axis.axvline(0, color=theme["ink"], linewidth=1)
    roles = {"a": "blue", "b": "blue", "tie": "green", "cannot tell": "muted"}
    for row, place in zip(rows, canvas.strict_grid(len(rows)), strict=True):
        colour, unsure = theme[roles[row["verdict"]]], row["verdict"] == "cannot tell"
        axis.plot([row["low"], row["high"]], [place, place], color=colour, linewidth=2, alpha=0.6)
        axis.plot(
            [row["difference"]], [place], color=colour, marker="s" if row["verdict"] == "tie" else "o", markersize=5.5,
            markerfacecolor=theme["paper"] if unsure else colour, linestyle="none",
        )  # fmt: skip
    axis.set_yticks(canvas.strict_grid(len(rows)), [f"{row['a']} − {row['b']}" for row in rows])
    axis.set_ylim(-0.7, len(rows) - 0.3)
    axis.grid(False, axis="y")
    axis.spines["left"].set_visible(False)
    axis.tick_params(axis="y", length=0)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: formats.signed(x, 2)))
    axis.set_xlabel("difference in average precision")
    return figure


def ranking_curves(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """ROC and precision-recall on the test split, with what chance would give."""
    judged, looks = run.test(run.primary), marks(run.arms)
    if not judged.labels.any() or judged.labels.all():
        return None
    figure, (roc, precision_recall) = canvas.panels(2, theme, narrow, columns=2, height=3.5)
    for place, (arm, scores) in enumerate(judged.scores.items()):
        look = looks[arm]
        # Marks a fifth of the panel apart, each arm's begun elsewhere so that they do not cover each other.
        style: dict[str, Any] = {"color": theme[look.colour], "linestyle": look.line, "marker": look.marker}
        style |= {"markevery": (0.02 * place, 0.2), "markersize": 4}
        false_rate, true_rate, _ = sk.roc_curve(judged.labels, scores)
        roc.plot(*_thinned(false_rate, true_rate), **style)
        precision, recall, _ = sk.precision_recall_curve(judged.labels, scores)
        # Average precision is the area under steps, so steps are what is drawn.
        precision_recall.step(*_thinned(recall, precision), where="post", **style)
    share = float(judged.labels.mean())
    roc.plot([0, 1], [0, 1], color=theme["muted"], linewidth=0.9, linestyle=(0, (1, 2)))
    precision_recall.axhline(share, color=theme["muted"], linewidth=0.9, linestyle=(0, (1, 2)))
    for axis in (roc, precision_recall):
        axis.set_xlim(-0.02, 1.02)
        axis.set_ylim(-0.02, 1.04)
    canvas.title(roc, "ROC", theme)
    roc.set_xlabel("share of non-toxic comments flagged")
    roc.set_ylabel("share of toxic comments found (recall)")
    canvas.title(precision_recall, "precision and recall", theme)
    precision_recall.set_xlabel("share of toxic comments found (recall)")
    precision_recall.set_ylabel("share of flags that are right")
    canvas.legend_above(figure, [canvas.handle(looks[a], theme, a) for a in judged.scores], theme, narrow)
    return figure


def _thinned(x: Any, y: Any) -> tuple[Any, Any]:
    """At most 500 points, both ends among them: more could not be seen, and would weigh megabytes."""
    if len(x) <= _POINTS:
        return x, y
    kept = np.unique(np.linspace(0, len(x) - 1, _POINTS).round().astype(int))
    return x[kept], y[kept]


def confusion_matrices(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """Counts of verdict against label; the shade is the share of the row."""
    judged, threshold = run.test(run.primary), run.threshold(run.primary)
    if not len(judged.labels):
        return None
    looks = marks(run.arms)
    figure, axes = canvas.panels(len(judged.scores), theme, narrow, columns=min(len(judged.scores), 6), height=1.6)
    if not narrow and len(judged.scores) > 6:
        figure, axes = canvas.panels(len(judged.scores), theme, False, columns=5, height=1.75)
    for (arm, scores), axis in zip(judged.scores.items(), axes, strict=True):
        counts = sk.confusion_matrix(judged.labels, scores >= threshold, labels=[0, 1])
        _matrix(axis, counts, theme, theme[looks[arm].colour])
        canvas.title(axis, arm, theme, "center")
    figure.supxlabel("the model's verdict", fontsize=8.5, color=theme["muted"])
    figure.supylabel("the raters' label", fontsize=8.5, color=theme["muted"])
    return figure


def _matrix(axis: Axes, counts: Any, theme: Theme, colour: str) -> None:
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    for row in range(2):
        for column in range(2):
            place = (column - 0.47, row - 0.47)
            shade = 0.06 + 0.5 * float(shares[row, column])
            axis.add_patch(Rectangle(place, 0.94, 0.94, facecolor=colour, alpha=shade, linewidth=0))
            axis.text(column, row, f"{counts[row, column]:,}", ha="center", va="center", color=theme["ink"])
    axis.set_xlim(-0.5, 1.5)
    axis.set_ylim(1.5, -0.5)
    axis.set_aspect("equal")
    axis.set_xticks([0, 1], ["non-toxic", "toxic"], fontsize=7.5)
    axis.set_yticks([0, 1], ["non-\ntoxic", "toxic"], fontsize=7.5)
    axis.grid(False)
    axis.spines[:].set_visible(False)
    axis.tick_params(length=0)


def quality_against_cost(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """Average precision against the time of one comment and against bytes on disk, both on log axes."""
    looks = marks(run.arms)
    points = {}
    for arm, facts in run.arms.items():
        entry = (facts["test"].get(run.primary) or {}).get("average_precision") or {}
        cost = facts.get("cost") or {}
        latency = (cost.get("latency_ms") or {}).get("p50")
        points[arm] = (entry, latency, cost.get("size_bytes"))
    if not any(entry.get("value") is not None and latency for entry, latency, _ in points.values()):
        return None
    figure, axes = canvas.panels(2, theme, narrow, columns=2, height=3.3)
    writers = (formats.milliseconds, formats.size)
    for column, (axis, write) in enumerate(zip(axes, writers, strict=True), 1):
        shown = [arm for arm in points if points[arm][0].get("value") is not None and points[arm][column]]
        for arm in shown:
            entry, place, look = points[arm][0], float(points[arm][column]), looks[arm]  # type: ignore[arg-type]
            colour = theme[look.colour]
            if entry.get("low") is not None:
                axis.plot([place, place], [entry["low"], entry["high"]], color=colour, linewidth=2, alpha=0.35)
            axis.plot([place], [entry["value"]], color=colour, marker=look.marker, markersize=8, linestyle="none")
        axis.set_xscale("log")
        axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _, write=write: write(x).replace(".0 ", " ")))
        axis.xaxis.set_minor_formatter(NullFormatter())
        low, high = axis.get_xlim()
        axis.set_xlim(low / 1.4, high * 1.4)
    canvas.title(axes[0], "quality against time", theme)
    axes[0].set_xlabel("one comment on CPU, median")
    axes[0].set_ylabel("average precision, test")
    canvas.title(axes[1], "quality against size", theme)
    axes[1].set_xlabel("bytes on disk")
    axes[1].set_ylabel("average precision, test")
    shown = [arm for arm, (entry, latency, _) in points.items() if entry.get("value") is not None and latency]
    canvas.legend_above(figure, [canvas.handle(looks[a], theme, a, line=False) for a in shown], theme, narrow)
    return figure
