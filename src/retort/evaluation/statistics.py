"""Every arm's figures with 95 % intervals, and the paired differences between arms, with both sources of chance.

Figures are means over training seeds. Their intervals hold what other comments and other seeds would have changed
(uncertainty.py), from how much each comment moves the metric (jackknife.py); with one seed they hold comments only.
How well the intervals cover is simulated in benchmarks/verdict.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from retort.evaluation.figures import Evidence, figure
from retort.evaluation.metrics import METRICS, Array
from retort.evaluation.pairs import paired_differences

Figures = dict[str, dict[str, dict[str, dict[str, Any]]]]


def judge(
    labels: Array,
    predictions: Mapping[str, Array],
    attributes: Sequence[str],
    thresholds: Mapping[str, Array],
    *,
    samples: int,
    seed: int,
    margin: float,
    primary: str | None = None,
) -> tuple[Figures, list[dict[str, Any]]]:
    """Figures of every arm and label, and the paired differences on the primary label.

    labels: (n, n_attributes) of 0 and 1, NaN where unrated. predictions: {arm: (S, n, n_attributes) probabilities}, S
    being 1 for an arm without chance in training and else the number of seeds, the same for all. thresholds:
    {arm: (S, n_attributes)}. primary: the first label unless named. margin: of `pairs.verdict`. samples, seed: of the
    simulated labels behind the interval of ece; everything else is computed, so the same arguments give the same
    numbers. Returns ({arm: {attribute: {metric: figure}}}, pairs) as `figures.figure` and `pairs.paired_differences`
    describe them. Raises ValueError when the shapes do not fit.
    """
    labels = np.asarray(labels, np.float64)
    arrays = {arm: np.asarray(one) for arm, one in predictions.items()}
    limits = {arm: np.asarray(thresholds[arm], np.float64) for arm in predictions}
    _refuse_unfit(labels, arrays, limits, attributes)
    tests: Figures = {arm: {} for arm in predictions}
    pairs: list[dict[str, Any]] = []
    for column, attribute in enumerate(attributes):
        of_label = labels[:, column]
        evidence = {
            arm: Evidence.of(of_label, one[:, :, column], limits[arm][:, column]) for arm, one in arrays.items()
        }
        for arm, found in evidence.items():
            rng = np.random.default_rng(seed)
            tests[arm][attribute] = {metric: figure(found, metric, samples, rng) for metric in METRICS}
        if attribute == (primary or attributes[0]):
            pairs = paired_differences(evidence, margin)
    return tests, pairs


def _refuse_unfit(
    labels: Array, predictions: Mapping[str, Array], thresholds: Mapping[str, Array], attributes: Sequence[str]
) -> None:
    most = max((len(one) for one in predictions.values() if one.ndim), default=1)
    for arm, one in predictions.items():
        if one.shape[1:] != labels.shape or one.shape[::2] != thresholds[arm].shape or one.shape[0] not in (1, most):
            raise ValueError(
                f"arm {arm}: probabilities {one.shape}, thresholds {thresholds[arm].shape}, labels {labels.shape}; "
                f"give (1 or {most} seeds, n, {len(attributes)}), (seeds, {len(attributes)}) and (n, {len(attributes)})"
            )
    if labels.shape[1:] != (len(attributes),):
        raise ValueError(f"labels {labels.shape} for {len(attributes)} attributes; give (n, n_attributes)")
