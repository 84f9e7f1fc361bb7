"""What compression costs groups that comments mention, as far as paired intervals show it."""

from collections.abc import Iterator, Mapping
from typing import Any

from retort.evaluation.bias import AUCS, FIGURES
from retort.report import display
from retort.report.bias_tables import Bias, bias_of, compressed, is_shown, pair_of, title
from retort.report.choice import difference_with_interval
from retort.report.comparison import Comparison
from retort.report.observations.observation import Observation

# Groups named in a sentence; the section has all.
_NAMED = 3


def costs_of_groups(comparison: Comparison) -> Iterator[Observation]:
    """Models that are shown to be worse than the teacher for some group, or over all groups."""
    bias = bias_of(comparison)
    if bias is None:
        return
    silent = []
    for arm in compressed(comparison, bias):
        overall, groups = list(_overall(bias, arm)), list(_groups(bias, arm))
        if not groups:
            silent.append(arm)
        if overall or groups:
            where = "for some groups" if groups else "over all groups"
            yield Observation("warning", f"{arm} is worse than {bias['reference']} {where}", " ".join(overall + groups))
    if silent and bias["in_final"]:
        verb = "is" if len(silent) == 1 else "are"
        yield Observation(
            "finding",
            "No group is shown to be worse off",
            f"By subgroup, BPSN and BNSP AUC {display.listed(silent)} {verb} not shown to be worse than "
            f"{bias['reference']} for any group. That does not show them to be equal: see the intervals.",
        )


def _overall(bias: Bias, arm: str) -> Iterator[str]:
    row = _pair(bias, arm)["final"]
    if row["difference"] is not None and row["high"] < 0:
        value = display.number(bias["arms"][arm]["final"]["value"])
        yield f"The Jigsaw final metric is {value}, difference {difference_with_interval(row)}."


def _groups(bias: Bias, arm: str) -> Iterator[str]:
    """A sentence for each kind of AUC in which some group is shown to be worse off, the largest loss first."""
    for kind in AUCS:
        rows = {name: kinds[kind] for name, kinds in _pair(bias, arm)["groups"].items()}
        worse = {name: row for name, row in rows.items() if is_shown(row) and row["high"] < 0}
        if not worse:
            continue
        order = sorted(worse, key=lambda name: worse[name]["difference"])
        named = [f"{title(name)} ({difference_with_interval(worse[name])})" for name in order[:_NAMED]]
        more = f", and {display.counted(len(order) - _NAMED, 'further group')}" if len(order) > _NAMED else ""
        yield f"{_WORDS[kind]} ({FIGURES[kind].title}): {'; '.join(named)}{more}."


_WORDS = {
    "subgroup_auc": "Comments that mention the group are told apart less well",
    "bpsn_auc": "Harmless mentions of the group are taken for offences more often",
    "bnsp_auc": "Offences in comments that mention the group are missed more often",
}


def groups_without_answer(comparison: Comparison) -> Iterator[Observation]:
    """How many identities have too few test comments."""
    bias = bias_of(comparison)
    if bias is None or not bias["left_out"]:
        return
    count, groups = len(bias["left_out"]), len(bias["groups"])
    yield Observation(
        "limit",
        "Groups with too few comments",
        f"{count} of {groups} identities have fewer than {bias['fewest']} test comments of a kind that their figures "
        "compare. About how models treat them this test split says little or nothing, and the final metric is without "
        "them.",
    )


def _pair(bias: Bias, arm: str) -> Mapping[str, Any]:
    pair = pair_of(bias, arm)
    assert pair is not None, "only arms with a pair are asked for"
    return pair
