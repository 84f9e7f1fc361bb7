"""Whom a model harms: ranking, errors and calibration by the group that a comment mentions, and what compression costs.

By group: subgroup, BPSN and BNSP AUC (bias_groups.py), false-positive and false-negative rate at the threshold, ECE;
over all groups: the Jigsaw final metric and worst-group accuracy (bias_summary.py). Every figure has a 95 % interval,
and every difference to a reference model is paired on the same comments and seeds.

BPSN: background positives against subgroup negatives, low where harmless mentions of a group score like positive
comments. BNSP: background negatives against subgroup positives, low where positive comments that mention it are missed.
The background is every comment that does not mention the group; one never annotated counts as no mention, as in the
code that Kaggle published for its competition.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from retort.evaluation.bias_groups import (
    AUCS,
    FEWEST,
    FIGURES,
    counts_of,
    difference_row,
    group_difference,
    group_figure,
    no_difference,
    no_figure,
    part,
    why_no_answer,
)
from retort.evaluation.bias_summary import (
    POWER,
    FinalParts,
    WorstGroup,
    counts_in_final,
    final_figure,
    final_metric,
    power_mean,
    worst_group,
)
from retort.evaluation.figures import Evidence, figure
from retort.evaluation.metrics import Array
from retort.evaluation.pairs import holm

__all__ = ["AUCS", "FEWEST", "FIGURES", "MENTIONED", "POWER", "final_metric", "judge_bias", "mentions", "power_mean"]

# From this share of raters on a comment mentions an identity: as in the Kaggle competition "Jigsaw Unintended Bias" of
# 2019, where identity columns count as true at 0.5 or more.
MENTIONED = 0.5

# Figures over all groups, each with its title.
SUMMARIES = {
    "final": "Jigsaw final metric",
    "overall_auc": "overall AUC",
    "worst_group_accuracy": "worst-group accuracy",
}


def mentions(fractions: Array) -> Array:
    """Whether a comment mentions an identity, bool; fractions: of raters, NaN where not annotated, any shape."""
    return np.asarray(np.asarray(fractions, np.float64) >= MENTIONED)


def judge_bias(
    labels: Array,
    predictions: Mapping[str, Array],
    thresholds: Mapping[str, Array],
    groups: Mapping[str, Array],
    *,
    samples: int,
    seed: int,
    reference: str | None = None,
    fewest: int = FEWEST,
) -> dict[str, Any]:
    """Every model's figures by group, and those of every model less those of the reference; JSON-able.

    labels: (n,) of 0 and 1, NaN where unrated. predictions: {arm: (S, n) probabilities}, S being 1 for an arm without
    chance in training and else the number of seeds. thresholds: {arm: (S,)}. groups: {name: (n,) bool}. samples, seed:
    of the simulated labels behind the interval of ece. reference: an arm, usually the teacher; None for no pairs.
    fewest: positives or negatives below which a figure has no answer. Returns

    {"fewest", "power", "reference", "groups": {NAME: {"rows", "positives", "negatives"}},
     "in_final": [NAME], "left_out": {NAME: why},
     "arms": {ARM: {"final": FIGURE and "power_means", "overall_auc": FIGURE,
                    "worst_group_accuracy": FIGURE and "group", "label", "groups": {NAME: {KIND: FIGURE}}}},
     "pairs": [{"a", "b": reference, "final": DIFFERENCE, "overall_auc", "worst_group_accuracy",
                "groups": {NAME: {KIND: DIFFERENCE}}}]}

    KIND: of `FIGURES`. FIGURE: {"value", "low", "high", "interval", "spread", "seeds"}, ece with "perfect". DIFFERENCE,
    of a - b: {"difference", "low", "high", "p_value", "p_holm", "interval", "seeds", "spread"}, p_holm corrected over
    the groups of one kind. What has no answer is None, with a "why". Raises ValueError when shapes do not fit.
    """
    labels = np.asarray(labels, np.float64)
    members = {name: np.asarray(one, bool) for name, one in groups.items()}
    _refuse_unfit(labels, predictions, thresholds, members, reference)
    kept = ~np.isnan(labels)
    members = {name: one[kept] for name, one in members.items()}
    wholes = {
        arm: Evidence.of(labels, np.asarray(one), np.asarray(thresholds[arm])) for arm, one in predictions.items()
    }
    positive = labels[kept] == 1
    in_final = [name for name, member in members.items() if counts_in_final(member, positive, fewest)]
    parts = {arm: FinalParts(whole) for arm, whole in wholes.items()}
    by_group = {
        name: _of_group(member, wholes, parts if name in in_final else {}, samples, seed, reference, fewest)
        for name, member in members.items()
    }
    worst = {arm: worst_group(whole, members, fewest) for arm, whole in wholes.items()}
    arms = {
        arm: {
            "final": final_figure(parts[arm]),
            "overall_auc": figure(whole, "roc_auc", samples, np.random.default_rng(seed)),
            "worst_group_accuracy": _worst_figure(worst[arm], whole, fewest),
            "groups": {name: figures[arm] for name, (figures, _) in by_group.items()},
        }
        for arm, whole in wholes.items()
    }
    pairs = [
        {"a": arm, "b": reference}
        | _summary_differences(arm, reference, wholes, parts, worst)
        | {"groups": _corrected({name: differences[arm] for name, (_, differences) in by_group.items()})}
        for arm in wholes
        if reference is not None and arm != reference
    ]
    return {
        "fewest": fewest,
        "power": POWER,
        "reference": reference,
        "groups": {name: counts_of(member, positive) for name, member in members.items()},
        "in_final": in_final,
        "left_out": {
            name: next(filter(None, (why_no_answer(kind, member, positive, fewest) for kind in AUCS)))
            for name, member in members.items()
            if name not in in_final
        },
        "arms": arms,
        "pairs": pairs,
    }


def _of_group(
    member: Array,
    wholes: Mapping[str, Evidence],
    parts: Mapping[str, FinalParts],
    samples: int,
    seed: int,
    reference: str | None,
    fewest: int,
) -> tuple[dict[str, dict[str, Any]], dict[str, dict[str, Any]]]:
    """({arm: {kind: figure}}, {arm: {kind: difference to the reference}}) of one group; adds its AUCs to `parts`."""
    figures: dict[str, dict[str, Any]] = {arm: {} for arm in wholes}
    differences: dict[str, dict[str, Any]] = {arm: {} for arm in wholes}
    for kind, of in FIGURES.items():
        positive = next(iter(wholes.values())).labels == 1
        why = why_no_answer(kind, member, positive, fewest)
        if why is not None:
            for arm, whole in wholes.items():
                figures[arm][kind], differences[arm][kind] = no_figure(why, whole.seeds), no_difference(why)
            continue
        rows = of.rows(member, positive)
        found = {arm: part(whole, rows) for arm, whole in wholes.items()}
        for arm, one in found.items():
            figures[arm][kind] = group_figure(kind, one, samples, seed)
            if reference is not None and arm != reference:
                differences[arm][kind] = group_difference(kind, one, found[reference])
            if kind in AUCS and arm in parts:
                parts[arm].add(kind, one, rows)
    return figures, differences


def _worst_figure(found: WorstGroup | None, whole: Evidence, fewest: int) -> dict[str, Any]:
    if found is None:
        why = f"no group has {fewest} positive or {fewest} negative comments"
        return no_figure(why, whole.seeds) | {"group": None, "label": None}
    return found.figure


def _summary_differences(
    arm: str,
    reference: str,
    wholes: Mapping[str, Evidence],
    parts: Mapping[str, FinalParts],
    worst: Mapping[str, WorstGroup | None],
) -> dict[str, Any]:
    """{which of `SUMMARIES`: difference}; both worst groups are those that the comments chose."""
    a, b = wholes[arm], wholes[reference]
    rarer = 0.25 / a.rarer**2
    found: dict[str, Any] = dict.fromkeys(SUMMARIES)
    if a.value("roc_auc") is None:
        found["overall_auc"] = no_difference(a.why_missing("roc_auc"))
    else:
        values = a.array("roc_auc") - b.array("roc_auc")
        found["overall_auc"] = difference_row(values, a.influence("roc_auc") - b.influence("roc_auc"), rarer)
    if not parts[arm].aucs[AUCS[0]]:
        found["final"] = no_difference("no group has enough comments of both kinds")
    else:
        values = parts[arm].values() - parts[reference].values()
        found["final"] = difference_row(values, parts[arm].influence() - parts[reference].influence(), rarer)
    one, other = worst[arm], worst[reference]
    if one is None or other is None:
        found["worst_group_accuracy"] = no_difference("no group has enough comments")
    else:
        found["worst_group_accuracy"] = difference_row(
            one.values - other.values, one.influence - other.influence, 2 / len(a.labels) ** 2
        )
    return found


def _corrected(groups: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """The differences with p_holm, corrected over the groups of each kind."""
    for kind in FIGURES:
        rows = [of_kind[kind] for of_kind in groups.values()]
        tested = [row for row in rows if row["p_value"] is not None]
        for row in rows:
            row["p_holm"] = None
        for row, corrected in zip(tested, holm([row["p_value"] for row in tested]), strict=True):
            row["p_holm"] = corrected
    return groups


def _refuse_unfit(
    labels: Array,
    predictions: Mapping[str, Array],
    thresholds: Mapping[str, Array],
    members: Mapping[str, Array],
    reference: str | None,
) -> None:
    most = max((len(one) for one in predictions.values()), default=1)
    for arm, one in predictions.items():
        shape = np.shape(one)
        if len(shape) != 2 or shape[1:] != labels.shape or shape[0] not in (1, most):
            raise ValueError(f"arm {arm}: probabilities {shape}, labels {labels.shape}; give (1 or {most} seeds, n)")
        if np.shape(thresholds[arm]) != shape[:1]:
            raise ValueError(f"arm {arm}: thresholds {np.shape(thresholds[arm])} for {shape[0]} seeds; give one each")
    for name, member in members.items():
        if member.shape != labels.shape:
            raise ValueError(f"group {name}: {member.shape} for labels {labels.shape}; give (n,)")
    if reference is not None and reference not in predictions:
        raise ValueError(f"reference {reference!r}: no such arm; arms are {', '.join(predictions)}")
