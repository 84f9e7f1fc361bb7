"""How the arms learned: the same quantity on train and validation, the distillation terms apart, accuracy."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from retort.report import canvas, formats
from retort.report.source import Run
from retort.report.style import Theme, marks
from retort.report.tables import majority_share

# A curve over epochs with its gaps left out.
Curve = tuple[list[int], list[float]]


def curve(history: list[dict[str, Any]], *keys: str) -> Curve:
    """Epochs and the figure found under `keys`, where it was recorded."""
    points = []
    for row in history:
        value: Any = row
        for key in keys:
            value = (value or {}).get(key)
        if value is not None:
            points.append((int(row["epoch"]), float(value)))
    return [epoch for epoch, _ in points], [value for _, value in points]


def _trained(run: Run) -> list[str]:
    return [arm for arm, facts in run.arms.items() if facts.get("history")]


def learning_curves(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """One panel per arm: the hard term on train against hard BCE on validation, all on the same axes."""
    arms, looks = _trained(run), marks(run.arms)
    if not arms:
        return None
    figure, axes = canvas.panels(
        len(arms), theme, narrow, columns=4 if len(arms) == 4 else 3, height=1.5, extra=0.8, sharex=True, sharey=True
    )
    for arm, axis in zip(arms, axes, strict=True):
        history, look = run.arms[arm]["history"], looks[arm]
        colour = theme[look.colour]
        epochs, train = curve(history, "train_loss", "hard")
        axis.plot(
            epochs, train, color=colour, linestyle=(0, (4, 2)), marker=look.marker, markerfacecolor=theme["paper"]
        )
        epochs, validation = curve(history, "validation_loss")
        axis.plot(epochs, validation, color=colour, marker=look.marker)
        canvas.title(axis, arm, theme)
        canvas.whole_epochs(axis, epochs)
        best = run.arms[arm].get("best_epoch")
        if best in epochs:
            axis.axvline(best, color=theme["muted"], linewidth=0.9, linestyle=(0, (1, 2)), zorder=0)
    lows = [value for arm in arms for value in curve(run.arms[arm]["history"], "validation_loss")[1]]
    lows += [value for arm in arms for value in curve(run.arms[arm]["history"], "train_loss", "hard")[1]]
    axes[0].set_ylim(0, 1.08 * max(lows))
    figure.supxlabel("epoch", fontsize=8.5, color=theme["muted"])
    figure.supylabel("binary cross-entropy", fontsize=8.5, color=theme["muted"])
    ink: dict[str, Any] = {"color": theme["ink"], "marker": "o"}
    handles = [
        Line2D([], [], linestyle=(0, (4, 2)), markerfacecolor=theme["paper"], label="train (hard term)", **ink),
        Line2D([], [], label="validation", **ink),
        Line2D([], [], color=theme["muted"], linestyle=(0, (1, 2)), linewidth=0.9, label="epoch kept"),
    ]
    canvas.legend_above(figure, handles, theme, narrow)
    return figure


def distillation_terms(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """The soft and the hidden term of the arms that have them, unweighted, on train."""
    arms, looks = _trained(run), marks(run.arms)
    names = {"soft": "soft term (KL from the teacher)", "hidden": "hidden term (1 − cosine)"}
    found = {
        term: {arm: drawn for arm in arms if (drawn := curve(run.arms[arm]["history"], "train_loss", term))[0]}
        for term in names
    }
    terms = [term for term in names if found[term]]
    if not terms:
        return None
    figure, axes = canvas.panels(len(terms), theme, narrow, columns=2, height=2.2, extra=0.3)
    for term, axis in zip(terms, axes, strict=True):
        for arm, (epochs, values) in found[term].items():
            look = looks[arm]
            axis.plot(epochs, values, color=theme[look.colour], linestyle=look.line, marker=look.marker)
            canvas.whole_epochs(axis, epochs)
        axis.set_ylim(bottom=0)
        canvas.title(axis, names[term], theme)
        axis.set_xlabel("epoch")
    shown = [arm for arm in arms if any(arm in found[term] for term in terms)]
    canvas.legend_above(figure, [canvas.handle(looks[arm], theme, arm) for arm in shown], theme, narrow)
    return figure


def validation_curves(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """Accuracy and average precision on validation per epoch; accuracy against the majority share."""
    arms, looks = _trained(run), marks(run.arms)
    if not arms:
        return None
    figure, axes = canvas.panels(2, theme, narrow, columns=2, height=2.9)
    for metric, axis in zip(("accuracy", "average_precision"), axes, strict=True):
        for arm in arms:
            look = looks[arm]
            epochs, values = curve(run.arms[arm]["history"], "validation", metric)
            axis.plot(epochs, values, color=theme[look.colour], linestyle=look.line, marker=look.marker, alpha=0.9)
            canvas.whole_epochs(axis, epochs)
        canvas.title(axis, f"validation {formats.METRIC_NAMES[metric]}", theme)
        axis.set_xlabel("epoch")
    share = majority_share(run.comparison, "validation")
    if share is not None:
        axes[0].axhline(share, color=theme["muted"], linestyle=(0, (1, 1.5)), linewidth=1.3, zorder=1)
        # Room for the words below the line, where learned curves are not.
        low, high = axes[0].get_ylim()
        span = max(high - low, 0.02)
        axes[0].set_ylim(min(low, share - 0.22 * span), high + 0.04 * span)
        axes[0].annotate(
            f"always “non-toxic”: {share:.3f}" if _mostly_negative(run) else f"the larger class: {share:.3f}",
            (1, share), xycoords=("axes fraction", "data"), xytext=(-2, -4), textcoords="offset points",
            ha="right", va="top", color=theme["muted"], fontsize=8,
        )  # fmt: skip
    canvas.legend_above(figure, [canvas.handle(looks[arm], theme, arm) for arm in arms], theme, narrow)
    return figure


def _mostly_negative(run: Run) -> bool:
    return bool(run.comparison["data"]["shares"]["validation"][run.primary] < 0.5)
