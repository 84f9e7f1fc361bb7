"""Cross-entropy against ratings that may be missing: the hard term, and the train and validation losses of reports.

A mean over the rated attributes of each comment, then over the comments that have any: a comment weighs the same
however many of its attributes are rated.
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Binary cross-entropy, mean over a comment's rated attributes, (batch,); 0 for a comment without any.

    Both (batch, n_attributes); a target is a 0/1 label or a share of raters, NaN where there is none.
    """
    rated = ~torch.isnan(targets)
    known = torch.where(rated, targets, 0.0)
    each = functional.binary_cross_entropy_with_logits(logits, known, reduction="none") * rated
    mean: Tensor = each.sum(dim=1) / rated.sum(dim=1).clamp(min=1)
    return mean


def cross_entropy_sum(logits: Tensor, targets: Tensor) -> Tensor:
    """As `cross_entropy`, summed over the comments: a scalar."""
    return cross_entropy(logits, targets).sum()


def mean_cross_entropy(logits: npt.NDArray[np.float32], labels: npt.NDArray[np.float32]) -> float:
    """As `cross_entropy_sum`, divided by the number of comments with a rating, in float64.

    Both (n, n_attributes), labels NaN where unrated; some comment must be rated.
    """
    wide, rated = logits.astype(np.float64), ~np.isnan(labels)
    each = np.where(rated, np.logaddexp(0, wide) - wide * np.nan_to_num(labels), 0.0)
    labelled = rated.any(axis=1)
    return float((each[labelled].sum(axis=1) / rated[labelled].sum(axis=1)).mean())
