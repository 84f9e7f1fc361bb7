"""The bootstrap: every metric of every arm on the same resampled comments, so that arms stay paired.

A resample of n comments is a vector of n counts. Each metric is a weighted sum, or for the ranking metrics a weighted
cumulative sum over the scores, which are sorted once.
"""

from collections.abc import Iterator, Mapping

import numpy as np

from retort.evaluation.metrics import ECE_BINS, METRICS, Array, calibration_bins

# Counts in one chunk of resamples: 16 MB as float32, so that memory is bounded for any n.
_CHUNK_ELEMENTS = 4_000_000


def resample(
    labels: Array, predictions: Mapping[str, Array], threshold: float, *, samples: int, seed: int
) -> dict[str, dict[str, Array]]:
    """{arm: {metric: (samples,) float64}}; NaN where a metric does not exist for a resample.

    labels: (n,) of 0 and 1. predictions: {arm: (n,) probabilities}. Resample i draws the same comments for every arm.
    Comments are drawn with replacement and not stratified, because the number of positives is uncertain too.
    """
    columns = {arm: _Columns(labels, probabilities, threshold) for arm, probabilities in predictions.items()}
    chunks: dict[str, list[dict[str, Array]]] = {arm: [] for arm in predictions}
    for counts in _draws(len(labels), samples, seed):
        for arm, arm_columns in columns.items():
            chunks[arm].append(arm_columns.metrics(counts))
    return {
        arm: {metric: np.concatenate([part[metric] for part in parts]) for metric in METRICS}
        for arm, parts in chunks.items()
    }


def _draws(rows: int, samples: int, seed: int) -> Iterator[Array]:
    """Chunks of (some samples, rows) float32 counts; each row of counts sums to `rows`."""
    rng = np.random.default_rng(seed)
    size = max(1, _CHUNK_ELEMENTS // max(rows, 1))
    for start in range(0, samples, size):
        number = min(size, samples - start)
        drawn = rng.integers(0, rows, size=(number, rows), dtype=np.int64)
        drawn += (np.arange(number) * rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=number * rows)
        # float32 holds counts exactly up to 2**24, far above any test split here.
        yield counts.reshape(number, rows).astype(np.float32)


class _Columns:
    """One arm's contribution of each comment to every metric: metrics are sums of these, weighted by counts."""

    def __init__(self, labels: Array, probabilities: Array, threshold: float) -> None:
        self.rows = len(labels)
        positive, verdict = labels == 1, probabilities >= threshold
        error = probabilities.astype(np.float64) - labels
        bins = calibration_bins(probabilities)
        self.sums = np.zeros((self.rows, 4 + ECE_BINS), np.float32)
        self.sums[:, 0] = positive
        self.sums[:, 1] = verdict
        self.sums[:, 2] = positive & verdict
        self.sums[:, 3] = error**2
        self.sums[np.arange(self.rows), 4 + bins] = error
        self.ranking = Ranking(labels, probabilities)

    def metrics(self, counts: Array) -> dict[str, Array]:
        """{metric: (samples,)} for counts (samples, rows)."""
        sums = (counts @ self.sums).astype(np.float64)
        positives, verdicts, hits = sums[:, 0], sums[:, 1], sums[:, 2]
        negatives, n = self.rows - positives, float(self.rows)
        misses, false_alarms = positives - hits, verdicts - hits
        both = (positives > 0) & (negatives > 0)
        average_precision, roc_auc = self.ranking.scores(counts)
        spread = positives * negatives * verdicts * (n - verdicts)
        mcc = np.where(spread > 0, (n * hits - positives * verdicts) / np.sqrt(np.where(spread > 0, spread, 1)), 0.0)
        return {
            "accuracy": 1 - (misses + false_alarms) / n,
            "precision": _quotient(hits, verdicts),
            "recall": _quotient(hits, positives),
            "f1": np.where(positives > 0, _quotient(2 * hits, 2 * hits + misses + false_alarms), np.nan),
            "mcc": np.where(both, mcc, np.nan),
            "roc_auc": roc_auc,
            "average_precision": average_precision,
            "brier": sums[:, 3] / n,
            "ece": np.abs(sums[:, 4:]).sum(1) / n,
        }


class Ranking:
    """Average precision and ROC-AUC under any weights, from one sort of the scores.

    Equal scores share one threshold, as in scikit-learn. Only thresholds with a positive comment add to either sum;
    the others are skipped.
    """

    def __init__(self, labels: Array, probabilities: Array) -> None:
        self.order = np.argsort(-probabilities.astype(np.float64), kind="stable")
        scores, positive = probabilities[self.order], labels[self.order] == 1
        starts = np.flatnonzero(np.r_[True, scores[1:] != scores[:-1]])
        ends = np.r_[starts[1:], len(scores)] - 1
        group = np.searchsorted(starts, np.flatnonzero(positive), side="right") - 1
        # The positives' rows in the sorted order; then the groups of equal scores that they are in.
        self.positives = np.flatnonzero(positive)
        self.groups, self.members = np.unique(group, return_index=True)
        self.starts, self.ends = starts[self.groups], ends[self.groups]

    def scores(self, counts: Array) -> tuple[Array, Array]:
        """(average precision, ROC-AUC), each (samples,) float64, for weights (samples, n).

        NaN for a sample without a positive weight; for ROC-AUC also for one without a negative.
        """
        samples = len(counts)
        if not len(self.positives):
            return np.full(samples, np.nan), np.full(samples, np.nan)
        ordered = counts[:, self.order]
        hits = np.add.reduceat(ordered[:, self.positives], self.members, axis=1).astype(np.float64)
        above = np.cumsum(ordered, axis=1, dtype=_exact(counts))
        total = above[:, -1].astype(np.float64)
        through = above[:, self.ends].astype(np.float64)
        before = np.where(self.starts > 0, above[:, self.starts - 1], 0).astype(np.float64)
        hits_through = np.cumsum(hits, axis=1)
        positives = hits_through[:, -1]
        negatives = total - positives
        precision = _quotient(hits_through, through, empty=0.0)
        average_precision = _quotient((hits * precision).sum(1), positives)
        # Negatives below a positive count 1, those equal to it 1/2 (Mann and Whitney).
        false_before, false_through = before - (hits_through - hits), through - hits_through
        below = negatives[:, None] - (false_before + false_through) / 2
        return average_precision, _quotient((hits * below).sum(1), positives * negatives)


def _exact(counts: Array) -> type[np.floating]:
    """Counts stay exact in float32; other weights are summed in float64."""
    return np.float32 if counts.dtype == np.float32 and counts.shape[1] < 2**24 else np.float64


def _quotient(above: Array, below: Array, empty: float = np.nan) -> Array:
    return np.where(below > 0, above / np.where(below > 0, below, 1), empty)
