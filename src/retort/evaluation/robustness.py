"""What disguising the same rows costs a model: recall lost and false alarms gained, paired."""

import numpy as np

from retort.evaluation.case_shares import Booleans, Difference, Integers, difference_of


def recall_lost(labels: Booleans, before: Booleans, after: Booleans, clusters: Integers) -> Difference | None:
    """Recall on the original rows less recall on the disguised ones, at one threshold; None without a positive row.

    labels, before, after: (n,) whether a row is positive, is flagged as it was, and is flagged when disguised.
    clusters: (n,) equal for rows that are alike. From -1 to 1; above 0 the disguise works. only_a: rows that escape,
    only_b: rows that are caught only when disguised. The interval is that of `difference_of`.
    """
    return difference_of(before[labels], after[labels], clusters[labels]) if labels.any() else None


def false_alarms_gained(labels: Booleans, before: Booleans, after: Booleans, clusters: Integers) -> Difference | None:
    """The share of negative rows flagged when disguised less the share flagged as they were; None without a negative.

    Arguments as in `recall_lost`. only_a: rows flagged only when disguised.
    """
    clean = np.logical_not(labels)
    return difference_of(after[clean], before[clean], clusters[clean]) if clean.any() else None
