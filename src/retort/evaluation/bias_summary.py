"""All groups in one number: the final metric of the Jigsaw competition, and the accuracy of the worst group.

Final metric (Borkan et al. 2019, arXiv:1903.04561; Kaggle's "Jigsaw Unintended Bias", 2019):
a quarter of the overall AUC and a quarter of each of three power means over groups, those of subgroup, BPSN and BNSP
AUC. Worst-group accuracy (Koh et al. 2021, WILDS, arXiv:2012.07421): a group is an identity with one of the two labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy import special, stats

from retort.evaluation import intervals
from retort.evaluation.bias_groups import AUCS, no_figure, spread_out
from retort.evaluation.figures import NO_VARIANCE, Evidence
from retort.evaluation.metrics import Array
from retort.evaluation.ranking import roc_auc
from retort.evaluation.uncertainty import uncertainty

# Low AUCs weigh most: the mean is near the lowest, as the competition chose it.
POWER = -5

_QUARTER = 0.25
_LEAST = 1e-9
_TAIL = 0.025
_LABELS = {True: "positive", False: "negative"}


def power_mean(values: Array, power: float = POWER) -> Array:
    """(mean of values**power)**(1/power) over the last axis, which is not empty; 0 where a value is 0.

    values: (..., n_groups) in [0, 1].
    """
    safe = np.maximum(np.asarray(values, np.float64), _LEAST)
    return np.asarray(np.where((np.asarray(values) > 0).all(-1), (safe**power).mean(-1) ** (1 / power), 0.0))


def final_metric(labels: Array, probabilities: Array, groups: Array, fewest: int = 1) -> float | None:
    """The final metric of one model, as published; None where no group or not the overall AUC has an answer.

    labels: (n,) of 0 and 1. probabilities: (n,). groups: (n, n_groups) bool. A group counts when it, and the comments
    outside it, have at least `fewest` positives and negatives.
    """
    positive, members = np.asarray(labels) == 1, np.asarray(groups, bool).T
    scores = np.asarray(probabilities, np.float64)
    found = [_aucs(positive, scores, member) for member in members if counts_in_final(member, positive, fewest)]
    if not found or positive.all() or not positive.any():
        return None
    return float(_QUARTER * (roc_auc(positive, scores) + power_mean(np.transpose(found)).sum()))


def counts_in_final(member: Array, positive: Array, fewest: int) -> bool:
    """Whether all three AUCs of a group have an answer; both (n,) bool."""
    cells = np.bincount(2 * member.astype(np.int64) + positive, minlength=4)
    return bool(cells.min() >= fewest)


def _aucs(positive: Array, scores: Array, member: Array) -> list[float]:
    return [roc_auc(positive[rows], scores[rows]) for rows in (member, member != positive, member == positive)]


@dataclass
class FinalParts:
    """What the final metric of one model is made of, group after group; S seeds, n comments.

    aucs: {which of `AUCS`: [(S,) of every group]}. The pseudo-values of a group enter a power mean M with the weight
    dM/dv = M**(1 - p) * v**(p - 1) / n_groups, whose first factor is known at the end: `_sums` hold the rest, (S, n).
    """

    overall: Evidence
    aucs: dict[str, list[Array]] = field(default_factory=lambda: {name: [] for name in AUCS})
    _sums: dict[str, Array] = field(default_factory=dict)

    def add(self, name: str, found: Evidence, rows: Array) -> None:
        """One AUC of one group; rows: (n,) bool, the comments that it is about."""
        values = found.array("roc_auc")
        weight = np.maximum(values, _LEAST) ** (POWER - 1)
        moved = weight[:, None] * spread_out(found.influence("roc_auc"), values, rows)
        self.aucs[name].append(values)
        self._sums[name] = self._sums[name] + moved if name in self._sums else moved

    def means(self) -> dict[str, Array]:
        """{which of `AUCS`: power mean over groups of every seed, (S,)}."""
        return {name: power_mean(np.transpose(values)) for name, values in self.aucs.items()}

    def values(self) -> Array:
        """(S,) the final metric."""
        return _QUARTER * (self.overall.array("roc_auc") + sum(self.means().values()))

    def influence(self) -> Array:
        """(S, n) pseudo-values by the delta method."""
        whole = self.overall.influence("roc_auc") - self.overall.array("roc_auc")[:, None]
        for name, mean in self.means().items():
            factor = np.maximum(mean, _LEAST) ** (1 - POWER) / len(self.aucs[name])
            whole = whole + factor[:, None] * self._sums[name]
        return np.asarray(self.values()[:, None] + _QUARTER * whole)


def final_figure(parts: FinalParts) -> dict[str, Any]:
    """As `figures.figure`, and "power_means": the mean over seeds of each of the three."""
    seeds = parts.overall.seeds
    if not parts.aucs[AUCS[0]]:
        return no_figure("no group has enough comments of both kinds", seeds) | {"power_means": dict.fromkeys(AUCS)}
    values = parts.values()
    value = float(values.mean())
    row: dict[str, Any] = {
        "value": value,
        "low": None,
        "high": None,
        "spread": float(values.std(ddof=1)) if seeds > 1 else None,
        "seeds": values.tolist(),
        "power_means": {name: float(mean.mean()) for name, mean in parts.means().items()},
    }
    known = uncertainty(parts.influence(), values)
    if known.variance < NO_VARIANCE:
        return row | {"why": "no interval: every comment has the same influence on it"}
    share = min(max(known.center, 1e-3), 1 - 1e-3)
    low, high = intervals.logit_interval(share, known.variance, known.quantile)
    return row | {"low": min(low, value), "high": max(high, value), "interval": "jackknife"}


@dataclass(frozen=True)
class WorstGroup:
    """The group with the lowest accuracy, the mean over seeds. values: (S,). influence: (S, n)."""

    figure: dict[str, Any]
    values: Array
    influence: Array


def worst_group(whole: Evidence, members: Mapping[str, Array], fewest: int) -> WorstGroup | None:
    """Of every identity with either label, those with at least `fewest` comments; None without one.

    members: {name: (n,) bool}. The interval holds the accuracy of the group that is truly worst, whichever it is: its
    lower limit is the lowest of all groups' lower limits; its upper one the lowest of the upper limits, widened for
    their number (Bonferroni), since the lowest of many is low by chance.
    """
    positive = whole.labels == 1
    right = (whole.probabilities >= whole.thresholds[:, None]) == positive
    cells = {(name, label): member & (positive == label) for name, member in members.items() for label in (True, False)}
    cells = {cell: rows for cell, rows in cells.items() if rows.sum() >= fewest}
    if not cells:
        return None
    found = {cell: right[:, rows].astype(np.float64) for cell, rows in cells.items()}
    name, label = worst = min(found, key=lambda cell: float(found[cell].mean()))
    values = found[worst].mean(1)
    low, high = _limits_of_lowest(list(found.values()))
    value = float(values.mean())
    row = {
        "value": value,
        "low": min(low, value),
        "high": max(high, value),
        "interval": "wilson, of all groups",
        "spread": float(values.std(ddof=1)) if len(values) > 1 else None,
        "seeds": values.tolist(),
        "group": name,
        "label": _LABELS[label],
    }
    influence = values[:, None] + spread_out(found[worst], values, cells[worst])
    return WorstGroup(row, values, influence)


def _limits_of_lowest(groups: Sequence[Array]) -> intervals.Interval:
    """(low, high) of the least of the groups' means; every group is (S, m) of 0 and 1."""
    lows = [_wilson(right, _TAIL)[0] for right in groups]
    return min(lows), min(_wilson(right, _TAIL / len(groups))[1] for right in groups)


def _wilson(right: Array, tail: float) -> intervals.Interval:
    """Of a mean over seeds and comments, missed on either side with the probability `tail`; right: (S, m)."""
    share, known = float(right.mean()), uncertainty(right, right.mean(1))
    if known.variance < NO_VARIANCE or not 0 < share < 1:
        return intervals.wilson(share * right.shape[1], right.shape[1], -float(special.ndtri(tail)))
    return intervals.wilson_of_variance(share, known.variance, -float(stats.t.ppf(tail, known.degrees)))
