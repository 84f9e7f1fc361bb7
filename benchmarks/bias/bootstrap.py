"""The bootstrap that the jackknife is compared with: scores are sorted once, a resample is a weight for every comment.

A resample of n comments is how often each was drawn. Weighted counts below a score give all AUCs of all groups: what
comments outside a group contribute is the whole less the group, so a resample costs the comments plus the mentions.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from retort.evaluation.bias import AUCS, power_mean
from retort.evaluation.metrics import Array, calibration_bins


@dataclass(frozen=True)
class Sorted:
    """Scores in rising order; equal ones share a step."""

    steps: Array
    rows: Array

    @classmethod
    def of(cls, scores: Array, rows: Array) -> "Sorted":
        """rows: the places (m,) of the comments among all."""
        order = np.argsort(scores[rows], kind="stable")
        ordered = scores[rows][order]
        return cls(np.cumsum(np.r_[False, ordered[1:] != ordered[:-1]]), rows[order])

    def below(self, weights: Array) -> Array:
        """(m,) the weight below each score, an equal one as a half; weights: (m,) in rising order."""
        at = np.bincount(self.steps, weights)
        return np.asarray((np.cumsum(at) - at / 2)[self.steps])


@dataclass(frozen=True)
class Prepared:
    """One model's scores, sorted in all and by group. verdict: (n,) bool; bins: (n,) of the calibration error."""

    scores: Array
    verdict: Array
    bins: Array
    all: Sorted
    groups: dict[str, Sorted]

    @classmethod
    def of(cls, scores: Array, threshold: float, groups: Mapping[str, Array]) -> "Prepared":
        """scores: (n,); groups: {name: (n,) bool}."""
        return cls(
            scores,
            scores >= threshold,
            calibration_bins(scores),
            Sorted.of(scores, np.arange(len(scores))),
            {name: Sorted.of(scores, np.flatnonzero(member)) for name, member in groups.items()},
        )


def resampled(
    labels: Array,
    models: Mapping[str, Prepared],
    in_final: list[str],
    resamples: int,
    seed: int,
) -> dict[str, dict[str, Array]]:
    """{model: {figure: (resamples,)}}, all models on the same resamples; a figure is `final` or `GROUP KIND`."""
    rng, rows = np.random.default_rng(seed), len(labels)
    found: dict[str, dict[str, Array]] = {name: {} for name in models}
    for number in range(resamples):
        weights = np.bincount(rng.integers(0, rows, rows), minlength=rows).astype(np.float64)
        for name, model in models.items():
            for figure, value in _figures(labels, weights, model, in_final).items():
                if figure not in found[name]:
                    found[name][figure] = np.empty(resamples)
                found[name][figure][number] = value
    return found


def _figures(labels: Array, weights: Array, model: Prepared, in_final: list[str]) -> dict[str, float]:
    positive, negative = weights * labels, weights * (1 - labels)
    all_positive, all_negative = positive.sum(), negative.sum()
    below, above = np.empty(len(labels)), np.empty(len(labels))
    below[model.all.rows] = model.all.below(negative[model.all.rows])
    above[model.all.rows] = all_positive - model.all.below(positive[model.all.rows])
    overall = float(positive @ below / (all_positive * all_negative))
    found = {"overall_auc": overall}
    for name, group in model.groups.items():
        rows = group.rows
        own_positive, own_negative = positive[rows], negative[rows]
        positives, negatives = own_positive.sum(), own_negative.sum()
        inside = own_positive @ group.below(own_negative)
        with np.errstate(invalid="ignore", divide="ignore"):
            found[f"{name} subgroup_auc"] = inside / (positives * negatives)
            found[f"{name} bpsn_auc"] = (own_negative @ above[rows] - inside) / ((all_positive - positives) * negatives)
            found[f"{name} bnsp_auc"] = (own_positive @ below[rows] - inside) / (positives * (all_negative - negatives))
            found[f"{name} false_positive_rate"] = own_negative @ model.verdict[rows] / negatives
            found[f"{name} false_negative_rate"] = own_positive @ ~model.verdict[rows] / positives
            gaps = np.bincount(model.bins[rows], weights[rows] * (model.scores[rows] - labels[rows]))
            found[f"{name} ece"] = np.abs(gaps).sum() / weights[rows].sum()
    means = [float(power_mean(np.array([found[f"{name} {kind}"] for name in in_final]))) for kind in AUCS]
    return found | {"final": 0.25 * (overall + sum(means))}
