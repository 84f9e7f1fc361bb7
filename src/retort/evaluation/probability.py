"""From logits to probabilities and back, without torch."""

from typing import Any

import numpy as np
import numpy.typing as npt


def sigmoid(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Probabilities of logits, in the same shape, as float64 and without overflow."""
    wide = values.astype(np.float64)
    result: npt.NDArray[np.float64] = np.exp(-np.logaddexp(0, -wide))
    return result


def logit(probabilities: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """The inverse of `sigmoid`: the log-odds of probabilities in [0, 1], infinite for 0 and 1."""
    wide = probabilities.astype(np.float64)
    with np.errstate(divide="ignore"):
        result: npt.NDArray[np.float64] = np.log(wide) - np.log1p(-wide)
    return result
