"""Bias by group: how harmless mentions of a group rank against attacks, and what another model costs each group."""

from collections.abc import Mapping
from typing import Any

from matplotlib.figure import Figure

from retort.evaluation.bias import AUCS, SUMMARIES
from retort.evaluation.bias_groups import FIGURES
from retort.report import display
from retort.report.audit.result import Audit
from retort.report.audit.sections import AuditPlot
from retort.report.audit.shares import dot_figure
from retort.report.style import Theme
from retort.report.tables import Cell, Column, Table, figure_cell

TITLE = "Bias by group"
POSITION = 35

# The two that show a model that takes names for attacks, and one that misses attacks on whom it names.
_DRAWN = ("bpsn_auc", "bnsp_auc")


def content(audit: Audit) -> dict[str, Any] | None:
    """Figures over all groups, their differences to the reference, and every figure of every group."""
    bias = audit.part("bias")
    if bias is None:
        return None
    return {
        "summary": _summary(bias),
        "pairs": _pairs(bias),
        "groups": [(FIGURES[kind].title, _group_table(bias, kind)) for kind in FIGURES],
        "fewest": bias["fewest"],
        "left_out": display.listed([display.plain(name) for name in bias["left_out"]]),
    }


def _summary(bias: Mapping[str, Any]) -> Table:
    rows = [
        (
            Cell(name),
            *(figure_cell(found[which]) for which in SUMMARIES),
            *(Cell(display.number(found["final"].get("power_means", {}).get(kind))) for kind in AUCS),
        )
        for name, found in bias["models"].items()
    ]
    means = [f"{FIGURES[kind].title}, power mean" for kind in AUCS]
    return Table(
        (Column("model", numeric=False), *map(Column, SUMMARIES.values()), *map(Column, means)),
        tuple(rows),
        "The final metric is a quarter of the overall AUC and a quarter of each power mean over the groups, which is "
        "near the lowest of them (Borkan et al. 2019). Intervals take cases as independent: those of a template are "
        "alike, so they are too narrow.",
    )


def _pairs(bias: Mapping[str, Any]) -> Table | None:
    """Differences to the reference: of the figures over all groups, and of BPSN AUC for every group."""
    if not bias["pairs"]:
        return None
    rows = [(Cell(title), *(_difference(pair[which]) for pair in bias["pairs"])) for which, title in SUMMARIES.items()]
    rows += [
        (
            Cell(f"BPSN AUC: {display.plain(name)}"),
            *(_difference(pair["groups"][name]["bpsn_auc"]) for pair in bias["pairs"]),
        )
        for name in bias["in_final"]
    ]
    columns = (Column("figure", numeric=False), *(Column(f"{pair['a']} less {pair['b']}") for pair in bias["pairs"]))
    return Table(columns, tuple(rows), "Paired on the same cases, with 95 % intervals; below 0 is a loss.")


def _difference(row: Mapping[str, Any]) -> Cell:
    if row["difference"] is None:
        return Cell(display.NOTHING, why=display.why(row))
    p_holm = row.get("p_holm")
    note = display.between(row["low"], row["high"], sign=True)
    note += f"\np {display.p_value(p_holm)}" if p_holm is not None else ""
    return Cell(display.signed(row["difference"]), note=note)


def _group_table(bias: Mapping[str, Any], kind: str) -> Table:
    rows = []
    for name, counts in bias["groups"].items():
        figures = [figure_cell(found["groups"][name][kind]) for found in bias["models"].values()]
        numbers = (Cell(f"{counts['positives']:,}"), Cell(f"{counts['negatives']:,}"))
        rows.append((Cell(display.plain(name)), *numbers, *figures))
    columns = (Column("group", numeric=False), Column("positive"), Column("negative"), *map(Column, bias["models"]))
    return Table(columns, tuple(rows), f"{FIGURES[kind].title}, with 95 % intervals.")


def by_group(audit: Audit, theme: Theme, narrow: bool) -> Figure | None:
    """BPSN and BNSP AUC of every group that has them."""
    bias = audit.part("bias")
    if bias is None or not bias["in_final"]:
        return None
    models = bias["models"]
    lowest = sorted(
        bias["in_final"], key=lambda name: sum(found["groups"][name]["bpsn_auc"]["value"] for found in models.values())
    )
    panels = []
    for kind in _DRAWN:
        shares = {m: {n: _as_share(found["groups"][n][kind]) for n in lowest} for m, found in models.items()}
        panels.append((FIGURES[kind].title, shares))
    return dot_figure(audit, panels, theme, narrow, columns=2, percent=False)


def _as_share(figure: Mapping[str, Any]) -> dict[str, Any]:
    value = figure["value"]
    low, high = figure.get("low"), figure.get("high")
    return {"share": value, "low": value if low is None else low, "high": value if high is None else high}


PLOTS = (
    AuditPlot(
        "bias",
        "AUC by group",
        "BPSN: {negative} cases that name the group against {positive} ones that do not; low where naming somebody "
        "looks like an attack. BNSP: {positive} cases that name it against {negative} ones that do not; low where "
        "attacks on it are missed. With 95 % intervals; further right is better, 0.5 is a coin toss.",
        by_group,
    ),
)
