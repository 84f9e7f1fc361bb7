"""What a reliability plot shows: the observed share of positives at each predicted probability."""

from dataclasses import dataclass

import numpy as np

from retort.evaluation.metrics import ECE_BINS, Array, calibration_bins, rated


@dataclass(frozen=True)
class Reliability:
    """The bins that hold comments, by rising probability; three arrays of (n_bins,).

    probabilities: the mean predicted one; shares: of positives among the bin's comments; rows: how many it holds.
    """

    probabilities: Array
    shares: Array
    rows: Array


def reliability(labels: Array, probabilities: Array, number: int = ECE_BINS, fewest: int = 1) -> Reliability:
    """Bins of equal width; by default those of the expected calibration error, the mean of |probability - share|.

    labels: (n,) of 0 and 1, NaN where unrated (left out); probabilities: (n,) in [0, 1]; number: of bins, of which
    those with `fewest` comments or more are returned. DeGroot and Fienberg 1983, doi:10.2307/2987588.
    """
    labels, probabilities = rated(labels, probabilities)
    bins = calibration_bins(probabilities, number)
    rows = np.bincount(bins)
    kept = rows >= max(fewest, 1)
    sums = (np.bincount(bins, weights) for weights in (probabilities.astype(np.float64), labels))
    means = [values[kept] / rows[kept] for values in sums]
    return Reliability(means[0], means[1], rows[kept])
