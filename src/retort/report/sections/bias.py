"""Whom the models harm: figures by the identity that a comment mentions, and what compression costs each group."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from retort.evaluation.bias import AUCS, FIGURES
from retort.report import canvas, display
from retort.report.bias_tables import (
    Bias,
    answered,
    bias_of,
    compressed,
    differences_table,
    is_shown,
    kind_table,
    pair_of,
    summary_table,
    title,
    unanswered_table,
)
from retort.report.plots import Plot
from retort.report.run_folder import Run
from retort.report.style import Mark, Theme, marks

TITLE = "Bias by group"
POSITION = 80

# Inches for a model in a group's line, and for the space between groups.
_LINE, _GAP = 0.115, 0.11
# Longer names are folded.
_NAME = 22
_OVERALL = "all comments"


def content(run: Run) -> dict[str, Any] | None:
    """Tables over all groups and by group; nothing for data without identities, or where no group has an answer."""
    comparison = run.comparison
    bias = bias_of(comparison)
    if bias is None:
        return None
    arms = list(bias["arms"])
    known = bool(answered(bias))
    return {
        "summary": summary_table(bias, arms) if known else None,
        "kinds": [(of.title, kind_table(bias, kind, arms)) for kind, of in FIGURES.items()] if known else [],
        "differences": [(arm, differences_table(bias, arm)) for arm in compressed(comparison, bias)] if known else [],
        "reference": bias["reference"],
        "unanswered": unanswered_table(bias),
        "fewest": bias["fewest"],
    }


def cost_by_group(run: Run, theme: Theme, narrow: bool) -> Figure | None:
    """Every model less the teacher, by group: a panel for each AUC, groups with the most comments on top."""
    comparison = run.comparison
    bias = bias_of(comparison)
    if bias is None:
        return None
    arms = compressed(comparison, bias)
    groups = [name for name in answered(bias) if any(_row(bias, arm, name, kind) for arm in arms for kind in AUCS)]
    if not arms or not groups:
        return None
    lines = [None, *groups]
    step = _LINE * len(arms) + _GAP
    figure, axes = canvas.panels(
        len(AUCS), theme, narrow, columns=1 if narrow else len(AUCS), height=step * len(lines) + 0.75, extra=0.45,
        sharey=True, sharex=True,
    )  # fmt: skip
    looks = marks(comparison)
    reach = _reach(bias, arms, groups)
    for axis, kind in zip(axes, AUCS, strict=True):
        _panel(axis, bias, kind, arms, lines, looks, theme)
        canvas.title(axis, FIGURES[kind].title, theme)
        axis.set_xlim(-reach, reach)
        axis.xaxis.set_major_locator(MaxNLocator(4, symmetric=True))
        axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: display.signed(x, 2)))
        axis.set_xlabel(f"← worse     model − {bias['reference']}     better →", fontsize=7.5)
    axes[0].set_ylim(-0.5, len(lines) - 0.5)
    handles = [canvas.handle(looks[arm], theme, arm, line=False) for arm in arms]
    canvas.legend_above(figure, [*handles, *_filled_or_hollow(theme)], theme, narrow)
    return figure


def _panel(
    axis: Axes,
    bias: Bias,
    kind: str,
    arms: Sequence[str],
    lines: Sequence[str | None],
    looks: Mapping[str, Mark],
    theme: Theme,
) -> None:
    axis.axvline(0, color=theme["ink"], linewidth=1)
    places = canvas.line_places(len(lines))
    # Space for the models of a group, as a share of its line.
    between = _LINE / (_LINE * len(arms) + _GAP)
    for name, place in zip(lines, places, strict=True):
        if (len(lines) - place) % 2 == 0:
            axis.axhspan(place - 0.5, place + 0.5, color=theme["grid"], alpha=0.35, linewidth=0, zorder=0)
        for number, arm in enumerate(arms):
            row = _row(bias, arm, name, kind)
            if row is not None:
                height = place + ((len(arms) - 1) / 2 - number) * between
                _difference(axis, height, row, looks[arm], theme, shown=_shown(row))
    canvas.name_lines(axis, [_name(bias, name) for name in lines])


def _row(bias: Bias, arm: str, group: str | None, kind: str) -> Mapping[str, Any] | None:
    """The difference to draw, or None without an answer; that of the overall AUC for no group."""
    pair = pair_of(bias, arm)
    assert pair is not None, "only arms with a pair are drawn"
    row: Mapping[str, Any] = pair["overall_auc"] if group is None else pair["groups"][group][kind]
    return None if row["difference"] is None else row


def _shown(row: Mapping[str, Any]) -> bool:
    return is_shown(row) if "p_holm" in row else bool(row["low"] > 0 or row["high"] < 0)


def _difference(axis: Axes, height: float, row: Mapping[str, Any], look: Mark, theme: Theme, *, shown: bool) -> None:
    colour = theme[look.colour]
    axis.plot([row["low"], row["high"]], [height, height], color=colour, linewidth=1.3, alpha=0.6)
    axis.plot(
        [row["difference"]], [height], color=colour, marker=look.marker, markersize=4.6,
        markerfacecolor=colour if shown else theme["paper"], linestyle="none",
    )  # fmt: skip


def _name(bias: Bias, group: str | None) -> str:
    """In two lines where it is long, with the number of comments."""
    if group is None:
        return _OVERALL
    name, rows = title(group), f"{bias['groups'][group]['rows']:,}"
    if len(name) > _NAME:
        cut = name.rfind(" ", 0, _NAME)
        name = f"{name[:cut]}\n{name[cut + 1 :]}"
    return f"{name}, {rows}"


def _reach(bias: Bias, arms: Sequence[str], groups: Sequence[str]) -> float:
    """Half the width of the panels: every mark, and most of the intervals; the longest go on beyond the frame."""
    rows = [row for arm in arms for name in groups for kind in AUCS if (row := _row(bias, arm, name, kind))]
    marked = max(abs(row["difference"]) for row in rows)
    ends = [max(abs(row["low"]), abs(row["high"])) for row in rows]
    return float(max(1.15 * marked, 1.05 * np.quantile(ends, 0.9), 0.01))


def _filled_or_hollow(theme: Theme) -> list[Line2D]:
    style: dict[str, Any] = {"color": theme["muted"], "marker": "o", "linestyle": "none", "markersize": 4.6}
    return [
        Line2D([], [], label="shown by the data", markerfacecolor=theme["muted"], **style),
        Line2D([], [], label="may be chance", markerfacecolor=theme["paper"], **style),
    ]


PLOTS = (
    Plot(
        "bias",
        "What compression costs each group",
        "Each mark is a compressed model’s figure less its teacher’s on the same test comments, among comments that "
        "mention the group (their number is behind its name); the line is the 95 % interval. Left of the middle the "
        "group is worse off than with the teacher. Subgroup AUC: {positive} against {negative} comments that mention "
        "the group. BPSN AUC: harmless mentions of the group against {positive} comments of others; it falls when the "
        "name of the group is taken for an offence. BNSP AUC: {positive} comments that mention the group against "
        "harmless ones of others; it falls when such comments are missed. The first line is the overall AUC, the same "
        "in every panel. Filled marks are shown by the data, after Holm’s correction over the groups; hollow ones may "
        "be chance. An interval that reaches the frame goes on beyond it. An empty place has too few comments for its "
        "figure; the last table of this section has the reasons.",
        cost_by_group,
    ),
)
