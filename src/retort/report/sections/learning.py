"""How the models learned: losses, their terms, and validation figures by epoch."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from retort.report import canvas, display
from retort.report.comparison import Comparison
from retort.report.plots import Plot
from retort.report.run_folder import Run
from retort.report.style import Theme, marks

TITLE = "How they learned"
POSITION = 40

_DASHED = (0, (4, 2))
_KEPT: Mapping[str, Any] = {"linestyle": (0, (1, 2)), "linewidth": 0.9}
# A curve over epochs without its gaps.
Curve = tuple[list[int], list[float]]


def content(run: Run) -> dict[str, Any] | None:
    """Only plots; nothing where no arm was trained in epochs."""
    return {} if _trained(run.comparison) else None


def curve(history: Sequence[Mapping[str, Any]], *keys: str) -> Curve:
    """Epochs and the figure found under `keys`, where it was recorded."""
    points = []
    for row in history:
        value: Any = row
        for key in keys:
            value = (value or {}).get(key)
        if value is not None:
            points.append((int(row["epoch"]), float(value)))
    return [epoch for epoch, _ in points], [value for _, value in points]


def _trained(comparison: Comparison) -> list[str]:
    return [arm for arm in comparison.arms if comparison.history(arm)]


def _last_epoch(comparison: Comparison) -> int:
    """Of the arm with the most epochs, so that no other arm's axis cuts it off."""
    return max(int(row["epoch"]) for arm in comparison.arms for row in comparison.history(arm))


def learning_curves(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """One panel for each arm: the loss against labels on train and on validation, all on the same axes."""
    comparison, looks = run.comparison, marks(run.comparison)
    arms = _trained(comparison)
    columns = 4 if len(arms) == 4 else 3
    figure, axes = canvas.panels(
        len(arms), theme, narrow, columns=columns, height=1.5, extra=0.8, sharex=True, sharey=True
    )
    highest = 0.0
    for arm, axis in zip(arms, axes, strict=True):
        history = comparison.history(arm)
        style: dict[str, Any] = {"color": theme[looks[arm].colour], "marker": looks[arm].marker}
        train, validation = curve(history, "label_loss"), curve(history, "validation_loss")
        axis.plot(*train, linestyle=_DASHED, markerfacecolor=theme["paper"], **style)
        axis.plot(*validation, **style)
        highest = max([highest, *train[1], *validation[1]])
        kept = comparison.arms[arm].get("best_epoch")
        if kept is not None:
            axis.axvline(kept, color=theme["muted"], zorder=0, **_KEPT)
        canvas.title(axis, arm, theme)
    canvas.whole_epochs(axes, _last_epoch(comparison))
    axes[0].set_ylim(0, 1.08 * highest or 1)
    figure.supxlabel("epoch", fontsize=8.5, color=theme["muted"])
    figure.supylabel("binary cross-entropy", fontsize=8.5, color=theme["muted"])
    canvas.legend_above(figure, _legend(theme), theme, narrow)
    return figure


def _legend(theme: Theme) -> list[Line2D]:
    ink: dict[str, Any] = {"color": theme["ink"], "marker": "o"}
    return [
        Line2D([], [], linestyle=_DASHED, markerfacecolor=theme["paper"], label="train", **ink),
        Line2D([], [], label="validation", **ink),
        Line2D([], [], color=theme["muted"], label="epoch kept", **_KEPT),
    ]


def loss_terms(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """Every recorded term of the loss, unweighted, on train."""
    comparison, looks = run.comparison, marks(run.comparison)
    titles = {name: term.get("title") or name for name, term in (comparison.content.get("terms") or {}).items()}
    found = {name: curves for name in titles if (curves := _curves_of_term(comparison, name))}
    if not found:
        return None
    figure, axes = canvas.panels(len(found), theme, narrow, columns=2, height=2.2, extra=0.3)
    for (name, curves), axis in zip(found.items(), axes, strict=True):
        for arm, (epochs, values) in curves.items():
            look = looks[arm]
            axis.plot(epochs, values, color=theme[look.colour], linestyle=look.line, marker=look.marker)
        axis.set_ylim(0, 1.08 * max(max(values) for _, values in curves.values()) or 1)
        canvas.title(axis, titles[name], theme)
        axis.set_xlabel("epoch")
    last = max(epochs[-1] for curves in found.values() for epochs, _ in curves.values())
    canvas.whole_epochs(axes, last)
    shown = [arm for arm in comparison.arms if any(arm in curves for curves in found.values())]
    canvas.legend_above(figure, [canvas.handle(looks[arm], theme, arm) for arm in shown], theme, narrow)
    return figure


def _curves_of_term(comparison: Comparison, name: str) -> dict[str, Curve]:
    """The curve of one term of the loss by arm, for the arms that have recorded it."""
    curves = {arm: curve(comparison.history(arm), "train_loss", name) for arm in comparison.arms}
    return {arm: drawn for arm, drawn in curves.items() if drawn[0]}


def validation_curves(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """Accuracy and average precision on validation by epoch; accuracy with that of always giving the larger class."""
    comparison, looks = run.comparison, marks(run.comparison)
    arms = _trained(comparison)
    figure, axes = canvas.panels(2, theme, narrow, columns=2, height=2.9)
    for metric, axis in zip(("accuracy", "average_precision"), axes, strict=True):
        for arm in arms:
            look = looks[arm]
            epochs, values = curve(comparison.history(arm), "validation", metric)
            axis.plot(epochs, values, color=theme[look.colour], linestyle=look.line, marker=look.marker, alpha=0.9)
        canvas.title(axis, f"validation {display.METRIC_NAMES[metric]}", theme)
        axis.set_xlabel("epoch")
    canvas.whole_epochs(axes, _last_epoch(comparison))
    _mark_majority(axes[0], comparison, theme)
    canvas.legend_above(figure, [canvas.handle(looks[arm], theme, arm) for arm in arms], theme, narrow)
    return figure


def _mark_majority(axis: Axes, comparison: Comparison, theme: Theme) -> None:
    share, positives = comparison.majority_share("validation"), comparison.share("validation")
    if share is None or positives is None:
        return
    axis.axhline(share, color=theme["muted"], linestyle=(0, (1, 1.5)), linewidth=1.3, zorder=1)
    # Room for the words below the line, where the curves of models that learned are not.
    low, high = axis.get_ylim()
    span = max(high - low, 0.02)
    axis.set_ylim(min(low, share - 0.22 * span), high + 0.04 * span)
    task = comparison.task
    answer = task.negative_adjective if positives <= 0.5 else task.adjective
    axis.annotate(
        f"always “{answer}”: {share:.3f}", (1, share), xycoords=("axes fraction", "data"), xytext=(-2, -4),
        textcoords="offset points", ha="right", va="top", color=theme["muted"], fontsize=8,
    )  # fmt: skip


PLOTS = (
    Plot(
        "learning-curves",
        "Learning curves",
        "Both lines are the same quantity: binary cross-entropy against the labels. A validation line that rises while "
        "the train line falls is overfitting. Train loss is averaged during the epoch, with dropout on, so in the "
        "first epochs it may be above validation.{first}",
        learning_curves,
    ),
    Plot(
        "loss-terms",
        "Terms of the loss",
        "What training minimises, before weighting. Terms are not comparable with each other. The hard term is against "
        "the targets that a model learns, which may be shares of raters instead of labels.{first}",
        loss_terms,
    ),
    Plot(
        "validation",
        "Validation by epoch",
        "The dotted line is the accuracy of always giving the larger class: only what is above it was learned.{first}",
        validation_curves,
    ),
)
