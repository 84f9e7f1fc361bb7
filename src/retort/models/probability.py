"""From logits to probabilities, without torch."""

from typing import Any

import numpy as np
import numpy.typing as npt


def sigmoid(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float64]:
    """Probabilities of logits, in the same shape, as float64 and without overflow."""
    wide = values.astype(np.float64)
    result: npt.NDArray[np.float64] = np.exp(-np.logaddexp(0, -wide))
    return result
