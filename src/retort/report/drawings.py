"""Which layers of the teacher every model keeps, and how long the comments are."""

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from retort.data.splits import labels
from retort.report import canvas
from retort.report.source import Run
from retort.report.style import Theme, marks


def layers_kept(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """A column per model, a box per teacher layer: filled and numbered where it is kept."""
    looks = marks(run.arms)
    arms = [arm for arm, facts in run.arms.items() if facts.get("layer_indices") is not None]
    depth = max((_depth(run, arm) for arm in arms), default=0)
    if not depth:
        return None
    figure, (axis,) = canvas.panels(1, theme, narrow, columns=1, height=min(0.27 * depth + 1.0, 6))
    for column, arm in enumerate(arms):
        kept, colour = set(run.arms[arm]["layer_indices"]), theme[looks[arm].colour]
        adapter = run.arms[arm].get("kind") == "lora"
        for layer in range(_depth(run, arm)):
            there = layer in kept
            axis.add_patch(
                FancyBboxPatch(
                    (column - 0.3, layer - 0.33), 0.6, 0.66, boxstyle="round,pad=0,rounding_size=0.12", linewidth=1.2,
                    facecolor="none" if adapter or not there else colour, edgecolor=colour if there else theme["grid"],
                    linestyle="-" if there else (0, (2, 2)),
                )
            )  # fmt: skip
            if there and adapter:
                tab = FancyBboxPatch(
                    (column + 0.34, layer - 0.24), 0.1, 0.48, boxstyle="round,pad=0,rounding_size=0.04",
                    facecolor=colour, edgecolor="none",
                )  # fmt: skip
                axis.add_patch(tab)
            if there:
                ink = theme["ink"] if adapter else theme["paper"]
                axis.text(column, layer - 0.02, str(layer), ha="center", va="center_baseline", color=ink, fontsize=8)
    # Few models do not make wide boxes.
    axis.set_xlim(-0.6, max(len(arms), 4 if narrow else 7) - 0.4)
    axis.set_ylim(-0.75, depth - 0.35)
    axis.grid(False)
    axis.spines[:].set_visible(False)
    slanted = len(arms) > (4 if narrow else 8)
    axis.set_xticks(
        range(len(arms)), arms, fontweight="bold", rotation=38 if slanted else 0, ha="left" if slanted else "center",
        rotation_mode="anchor",
    )  # fmt: skip
    axis.xaxis.tick_top()
    axis.set_yticks([0, depth - 1], ["input →", "output →"])
    axis.tick_params(length=0)
    axis.tick_params(axis="y", labelcolor=theme["muted"])
    return figure


def _depth(run: Run, arm: str) -> int:
    facts = run.arms[arm]
    return int(facts.get("teacher_layers") or max(facts["layer_indices"], default=-1) + 1)


def comment_lengths(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """How many words the comments have, toxic and not, each as a share of its own kind."""
    if run.texts is None:
        return None
    toxic = labels(run.splits, (run.primary,), run.comparison["label_threshold"])[:, 0] == 1
    words = np.array([len(run.texts.get(str(i), "").split()) for i in run.splits.index])
    if not toxic.any() or toxic.all():
        return None
    figure, (axis,) = canvas.panels(1, theme, narrow, columns=1, height=2.3)
    edges = np.unique(np.round(np.geomspace(1, max(int(words.max()), 2) + 1, 22)))
    for chosen, colour, line, label in (
        (~toxic, theme["blue"], "-", "non-toxic"),
        (toxic, theme["vermillion"], (0, (4, 2)), "toxic"),
    ):
        shares = np.histogram(words[chosen], edges)[0] / chosen.sum()
        axis.stairs(100 * shares, edges, color=colour, linewidth=1.8, linestyle=line, label=label)
    axis.set_xscale("log")
    ticks = [t for t in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000) if t <= edges[-1]]
    axis.set_xticks(ticks, [str(t) for t in ticks])
    axis.minorticks_off()
    axis.set_ylim(bottom=0)
    axis.set_xlabel("words in the comment")
    axis.set_ylabel("% of its kind")
    axis.legend(labelcolor=theme["ink"])
    return figure
