"""Bias by group as tables, for the report and the terminal; groups without an answer are listed with the reason."""

from collections.abc import Mapping, Sequence
from typing import Any

from retort.evaluation.bias import FIGURES, SUMMARIES
from retort.report import display
from retort.report.comparison import Comparison
from retort.report.tables import Cell, Column, Table, figure_cell

# As recorded in comparison.json and by `retort evaluate`.
Bias = Mapping[str, Any]

# Of Holm's correction over the groups of one kind of figure.
SIGNIFICANCE = 0.05

_MODEL, _GROUP = Column("model", numeric=False), Column("comments that mention", numeric=False)


def bias_of(comparison: Comparison) -> Bias | None:
    """What comparison.json records; None in a former run and for data that does not say which groups are mentioned."""
    bias = comparison.content.get("bias")
    return bias if bias and bias["arms"] is not None else None


def compressed(comparison: Comparison, bias: Bias) -> list[str]:
    """The models that are compared with the teacher and are no baselines."""
    return [pair["a"] for pair in bias["pairs"] if pair["a"] in comparison.networks]


def title(group: str) -> str:
    """`homosexual gay or lesbian`."""
    return group.replace("_", " ")


def answered(bias: Bias) -> list[str]:
    """The groups with at least one figure, those with the most comments first."""
    figures = next(iter(bias["arms"].values()))["groups"]
    found = [name for name, rows in figures.items() if any(row["value"] is not None for row in rows.values())]
    return sorted(found, key=lambda name: -bias["groups"][name]["rows"])


def pair_of(bias: Bias, arm: str) -> Mapping[str, Any] | None:
    """The differences of an arm to the reference; None for the reference, or without one."""
    return next((pair for pair in bias["pairs"] if pair["a"] == arm), None)


def is_shown(row: Mapping[str, Any]) -> bool:
    """Whether a difference of a group is shown: its interval without 0, and its p value corrected over groups."""
    return row["difference"] is not None and row["p_holm"] < SIGNIFICANCE and (row["low"] > 0 or row["high"] < 0)


def summary_table(bias: Bias, arms: Sequence[str]) -> Table:
    """Each model over all groups, and less the reference."""
    reference = bias["reference"]
    against = [Column(f"− {reference}")] if reference else []
    columns = [_MODEL]
    for of in SUMMARIES.values():
        columns += [Column(of), *against]
    rows = []
    for arm in arms:
        pair, cells = pair_of(bias, arm), [Cell(arm)]
        for name in SUMMARIES:
            cells.append(_summary_cell(bias["arms"][arm][name]))
            cells += [_against(pair, name)] if reference else []
        rows.append(tuple(cells))
    return Table(tuple(columns), tuple(rows), _summary_caption(bias))


def _summary_cell(figure: Mapping[str, Any]) -> Cell:
    cell = figure_cell(figure)
    if figure.get("group") is None:
        return cell
    return Cell(cell.text, note=f"{cell.note}\n{title(figure['group'])}, {figure['label']}", why=cell.why)


def _against(pair: Mapping[str, Any] | None, name: str) -> Cell:
    return Cell(display.NOTHING) if pair is None else difference_cell(pair[name])


def difference_cell(row: Mapping[str, Any]) -> Cell:
    """`−0.021` with its interval; a dash with the reason. Marked where it is shown after Holm's correction."""
    if row["difference"] is None:
        return Cell(display.NOTHING, why=display.why(row))
    tone = "unsure" if row.get("p_holm") is not None and is_shown(row) else ""
    return Cell(display.signed(row["difference"]), note=display.between(row["low"], row["high"], sign=True), tone=tone)


def _summary_caption(bias: Bias) -> str:
    count, left = len(bias["in_final"]), len(bias["left_out"])
    text = (
        "The final metric is a quarter of the overall AUC and a quarter of each of three power means (p = −5) over "
        f"groups, of subgroup, BPSN and BNSP AUC (Borkan et al. 2019, arXiv:1903.04561), here over "
        f"{display.counted(count, 'group')}"
    )
    text += f"; {left} with too few comments left out" if left else ""
    text += (
        ". Worst-group accuracy is the lowest of all groups split by label (as WILDS has it), at each model's own "
        "threshold; the group is named below the interval."
    )
    if bias["reference"]:
        text += " Differences are paired on the same comments and seeds."
    return text


def kind_table(bias: Bias, kind: str, arms: Sequence[str]) -> Table:
    """One kind of figure: a row for each group, a column for each model."""
    rows = [
        (_group_cell(bias, name), *(figure_cell(bias["arms"][arm]["groups"][name][kind]) for arm in arms))
        for name in answered(bias)
    ]
    return Table((_GROUP, *map(Column, arms)), tuple(rows), f"{_MEANING[kind]} 95 % interval below each figure.")


def differences_table(bias: Bias, arm: str) -> Table:
    """One model less the reference: a row for each group, a column for each kind of figure."""
    pair = pair_of(bias, arm)
    assert pair is not None, "the caller asks for arms with a pair"
    rows = [
        (_group_cell(bias, name), *(difference_cell(pair["groups"][name][kind]) for kind in FIGURES))
        for name in answered(bias)
    ]
    columns = (_GROUP, *(Column(of.title) for of in FIGURES.values()))
    return Table(
        columns,
        tuple(rows),
        f"{arm} − {bias['reference']} on the same comments, with 95 % intervals. For AUCs below 0 is worse, for rates "
        "and ECE above 0. Marked: shown after Holm's correction over the groups of a column.",
    )


def figures_by_group(bias: Bias, arm: str) -> Table:
    """One model: a row for each group, a column for each kind of figure."""
    rows = [
        (_group_cell(bias, name), *(figure_cell(bias["arms"][arm]["groups"][name][kind]) for kind in FIGURES))
        for name in answered(bias)
    ]
    return Table((_GROUP, *(Column(of.title) for of in FIGURES.values())), tuple(rows))


def _group_cell(bias: Bias, name: str) -> Cell:
    counts = bias["groups"][name]
    return Cell(f"{title(name)} ({counts['rows']:,}; {counts['positives']:,} positive)")


def unanswered_table(bias: Bias) -> Table | None:
    """Groups that are not in the final metric, with the reason; None when there are none."""
    if not bias["left_out"]:
        return None
    some = set(answered(bias))
    rows = [
        (
            Cell(title(name)),
            Cell(display.whole(bias["groups"][name]["rows"])),
            Cell(display.whole(bias["groups"][name]["positives"])),
            Cell("in part" if name in some else "none"),
            Cell(why),
        )
        for name, why in sorted(bias["left_out"].items(), key=lambda item: -bias["groups"][item[0]]["rows"])
    ]
    return Table(
        (_GROUP, Column("comments"), Column("positive"), Column("answer", numeric=False), Column("why", numeric=False)),
        tuple(rows),
        f"With fewer than {bias['fewest']} comments of a kind that a figure compares it has no answer, rather than one "
        "that a single comment could turn. These groups are not in the final metric.",
    )


_MEANING = {
    "subgroup_auc": "Among comments that mention the group: are positive ones ranked above negative ones?",
    "bpsn_auc": (
        "Background positive, subgroup negative: are harmless mentions ranked below positive comments of others? Low: "
        "mentioning the group is taken for an offence."
    ),
    "bnsp_auc": (
        "Background negative, subgroup positive: are positive comments that mention the group ranked above harmless "
        "ones of others? Low: offences against the group are missed."
    ),
    "false_positive_rate": "Negative comments that mention the group and are flagged, at each model's own threshold.",
    "false_negative_rate": "Positive comments that mention the group and are not flagged, at that threshold.",
    "ece": (
        "Calibration error among comments that mention the group; “perfect” is that expected of perfectly calibrated "
        "probabilities."
    ),
}
