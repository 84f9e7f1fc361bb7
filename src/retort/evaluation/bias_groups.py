"""A group of comments, those that mention an identity: how well a model ranks and judges them, and paired differences.

Every figure is a metric on some of the comments. Its interval is that of figures.py on these comments; the influence of
comments outside is none, which is how figures of different groups come together in one sum (`spread_out`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from retort.evaluation.figures import NO_VARIANCE, Evidence, figure
from retort.evaluation.metrics import Array, calibration_bins
from retort.evaluation.uncertainty import uncertainty

# Fewer positives, or negatives, than this give no answer: a single comment would move an AUC by more than 0.1 at worst.
# The Kaggle competition asked for more than 500 comments of an identity, which small test splits never have.
FEWEST = 10

AUCS = ("subgroup_auc", "bpsn_auc", "bnsp_auc")


@dataclass(frozen=True)
class GroupFigure:
    """A figure of a group.

    metric: of evaluation/metrics.py, on the comments that `rows` picks. rows(member, positive): both (n,) bool.
    needs: the kinds of comments that must be there: whether in the group, whether positive. is_error: the figure is
    1 - metric.
    """

    title: str
    metric: str
    rows: Callable[[Array, Array], Array]
    needs: tuple[tuple[bool, bool], ...]
    is_error: bool = False


# The AUCs are those of Borkan et al. 2019, arXiv:1903.04561. In the group / positive: (True, True) and so on.
FIGURES = {
    "subgroup_auc": GroupFigure("subgroup AUC", "roc_auc", lambda member, _: member, ((True, True), (True, False))),
    "bpsn_auc": GroupFigure(
        "BPSN AUC", "roc_auc", lambda member, positive: member != positive, ((False, True), (True, False))
    ),
    "bnsp_auc": GroupFigure(
        "BNSP AUC", "roc_auc", lambda member, positive: member == positive, ((True, True), (False, False))
    ),
    "false_positive_rate": GroupFigure(
        "false-positive rate", "accuracy", lambda member, positive: member & ~positive, ((True, False),), is_error=True
    ),
    "false_negative_rate": GroupFigure(
        "false-negative rate", "accuracy", lambda member, positive: member & positive, ((True, True),), is_error=True
    ),
    "ece": GroupFigure("ECE", "ece", lambda member, _: member, ((True, True), (True, False))),
}


def counts_of(member: Array, positive: Array) -> dict[str, int]:
    """{"rows", "positives", "negatives"} of a group; both (n,) bool."""
    rows, positives = int(member.sum()), int((member & positive).sum())
    return {"rows": rows, "positives": positives, "negatives": rows - positives}


def why_no_answer(name: str, member: Array, positive: Array, fewest: int) -> str | None:
    """Why a figure of a group has no answer: too few comments of a kind that it compares; None where it has one."""
    for inside, is_positive in FIGURES[name].needs:
        count = int(((member == inside) & (positive == is_positive)).sum())
        if count < fewest:
            kind = f"{'positive' if is_positive else 'negative'} comment{'' if count == 1 else 's'}"
            return f"{count} {kind} {'in' if inside else 'outside'} the group, fewer than {fewest}"
    return None


def part(whole: Evidence, rows: Array) -> Evidence:
    """The evidence on some of the comments; rows: (n,) bool."""
    return Evidence(whole.labels[rows], whole.probabilities[:, rows], whole.thresholds)


def group_figure(name: str, found: Evidence, samples: int, seed: int) -> dict[str, Any]:
    """As `figures.figure`, on the comments of the figure; samples, seed: of the interval of ece."""
    of = FIGURES[name]
    row = figure(found, of.metric, samples, np.random.default_rng(seed))
    return _as_error(row) if of.is_error else row


def _as_error(row: dict[str, Any]) -> dict[str, Any]:
    """The figure 1 - metric."""
    value, low, high = row["value"], row["low"], row["high"]
    turned = {"value": 1 - value, "seeds": [1 - one for one in row["seeds"]]}
    limits = {} if low is None else {"low": 1 - high, "high": 1 - low}
    return row | turned | limits


def group_difference(name: str, of_a: Evidence, of_b: Evidence) -> dict[str, Any]:
    """As `difference_row`, of a - b on the comments of the figure."""
    of = FIGURES[name]
    sign = -1.0 if of.is_error else 1.0
    values = of_a.array(of.metric) - of_b.array(of.metric)
    influence = _influence(of_a, of.metric) - _influence(of_b, of.metric)
    return difference_row(sign * values, sign * influence, _of_equals(of_a, of.metric))


def _influence(found: Evidence, metric: str) -> Array:
    """(S, n) pseudo-values. Those of ece take the sign of every bin's gap as given: its derivative by each comment's
    weight. Where chance alone opens the gaps they overstate the variance."""
    if metric != "ece":
        return found.influence(metric)
    rows = []
    for scores in found.probabilities:
        bins, gaps = calibration_bins(scores), scores - found.labels
        rows.append(np.sign(np.bincount(bins, gaps))[bins] * gaps)
    return np.stack(rows)


def _of_equals(found: Evidence, metric: str) -> float:
    """The variance of a difference between models that no comment tells apart: on other comments they may differ.

    As if two comments were disputed (pairs.py); for an AUC, as if one of the rarer kind were ranked half as well.
    """
    return (0.5 / found.rarer) ** 2 if metric == "roc_auc" else 2 / len(found.labels) ** 2


def difference_row(values: Array, influence: Array, of_equals: float) -> dict[str, Any]:
    """{"difference", "low", "high", "p_value", "interval", "seeds", "spread"} of a - b on the same comments and seeds.

    values: (S,), a - b of each seed. influence: (S, n) pseudo-values of a less those of b. of_equals: the variance in
    place of none.
    """
    found = uncertainty(influence, values)
    if found.variance < NO_VARIANCE:
        found = replace(found, comments=of_equals)
    half, value = found.quantile * math.sqrt(found.variance), float(values.mean())
    return {
        "difference": value,
        "low": max(min(found.center - half, value), -1.0),
        "high": min(max(found.center + half, value), 1.0),
        "p_value": found.p_value,
        "interval": "jackknife",
        "seeds": values.tolist(),
        "spread": found.spread,
    }


def no_difference(why: str) -> dict[str, Any]:
    """The row of a difference that has no answer."""
    nothing = dict.fromkeys(("difference", "low", "high", "p_value", "spread"))
    return nothing | {"seeds": [], "why": why}


def no_figure(why: str, seeds: int) -> dict[str, Any]:
    """The row of a figure that has no answer."""
    nothing = dict.fromkeys(("value", "low", "high", "spread"))
    return nothing | {"seeds": [None] * seeds, "why": why}


def spread_out(influence: Array, values: Array, rows: Array) -> Array:
    """(S, n) how each of all comments moves a metric of some of them, less the metric: 0 for those outside.

    influence: (S, m) pseudo-values on the comments that rows (n,) bool picks. values: (S,). Leaving out comment i moves
    the metric by (pᵢ - m) / (m - 1) on m comments, whose pseudo-value on all n is n - 1 times that above the metric.
    """
    found = np.zeros((len(influence), len(rows)))
    found[:, rows] = (influence - values[:, None]) * (len(rows) - 1) / max(influence.shape[1] - 1, 1)
    return found
