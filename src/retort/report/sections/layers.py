"""Which layers of the teacher every model keeps."""

from collections.abc import Mapping
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from retort.report import canvas
from retort.report.comparison import Comparison
from retort.report.plots import Plot
from retort.report.run_folder import Run
from retort.report.style import Theme, marks

TITLE = "Layers kept"
POSITION = 70


def content(run: Run) -> dict[str, Any] | None:
    """The layer indices of every arm; nothing where no arm has layers."""
    kept = _kept(run.comparison)
    return {"kept": kept} if any(kept.values()) else None


def _kept(comparison: Comparison) -> dict[str, list[int]]:
    indices = {arm: facts.get("layer_indices") for arm, facts in comparison.arms.items()}
    return {arm: list(kept) for arm, kept in indices.items() if kept is not None}


def layers_kept(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """A column for each model, a box for each teacher layer: filled and numbered where it is kept."""
    comparison, looks, kept = run.comparison, marks(run.comparison), _kept(run.comparison)
    depths = {arm: _depth(comparison.arms[arm]) for arm in kept}
    depth = max(depths.values())
    figure, (axis,) = canvas.panels(1, theme, narrow, columns=1, height=min(0.27 * depth + 1.0, 6))
    for column, (arm, indices) in enumerate(kept.items()):
        colour, adapter = theme[looks[arm].colour], arm in comparison.adapters
        for layer in range(depths[arm]):
            if layer in indices:
                _kept_box(axis, column, layer, colour, theme, adapter=adapter)
            else:
                axis.add_patch(_box(column, layer, facecolor="none", edgecolor=theme["grid"], linestyle=(0, (2, 2))))
    _name_columns(axis, list(kept), depth, theme, narrow)
    return figure


def _depth(facts: Mapping[str, Any]) -> int:
    return int(facts.get("teacher_layers") or max(facts["layer_indices"], default=-1) + 1)


def _box(column: int, layer: int, **style: Any) -> FancyBboxPatch:
    shape = "round,pad=0,rounding_size=0.12"
    return FancyBboxPatch((column - 0.3, layer - 0.33), 0.6, 0.66, boxstyle=shape, linewidth=1.2, **style)


def _kept_box(axis: Axes, column: int, layer: int, colour: str, theme: Theme, *, adapter: bool) -> None:
    axis.add_patch(_box(column, layer, facecolor="none" if adapter else colour, edgecolor=colour))
    if adapter:
        tab = FancyBboxPatch(
            (column + 0.34, layer - 0.24), 0.1, 0.48, boxstyle="round,pad=0,rounding_size=0.04", facecolor=colour,
            edgecolor="none",
        )  # fmt: skip
        axis.add_patch(tab)
    ink = theme["ink"] if adapter else theme["paper"]
    axis.text(column, layer - 0.02, str(layer), ha="center", va="center_baseline", color=ink, fontsize=8)


def _name_columns(axis: Axes, arms: list[str], depth: int, theme: Theme, narrow: bool) -> None:
    # Few models do not make wide boxes.
    axis.set_xlim(-0.6, max(len(arms), 4 if narrow else 7) - 0.4)
    axis.set_ylim(-0.75, depth - 0.35)
    axis.grid(False)
    axis.spines[:].set_visible(False)
    slanted = len(arms) * max(map(len, arms)) > (34 if narrow else 72)
    axis.set_xticks(
        range(len(arms)), arms, fontweight="bold", rotation=38 if slanted else 0, ha="left" if slanted else "center",
        rotation_mode="anchor",
    )  # fmt: skip
    axis.xaxis.tick_top()
    axis.set_yticks([0, depth - 1], ["input →", "output →"])
    axis.tick_params(length=0)
    axis.tick_params(axis="y", labelcolor=theme["muted"])


PLOTS = (
    Plot(
        "layers",
        "Layers kept",
        "Numbered from 0 at the input. Filled: kept. Dashed: dropped. Outlined with a tab: kept frozen, with adapters "
        "trained beside it.",
        layers_kept,
    ),
)
