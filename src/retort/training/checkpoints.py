"""The epoch that is kept: a copy of its trainable weights, chosen on validation."""

from typing import Literal

import torch
from torch import Tensor


class KeptEpoch:
    """Holds the trainable weights of the best (or last) epoch in memory.

    Better means a higher average precision on validation; where that cannot be computed or is equal, a
    lower validation loss.
    """

    def __init__(self, keep: Literal["best", "last"]) -> None:
        self._keep = keep
        self._score: tuple[float, float] | None = None
        self._state: dict[str, Tensor] = {}
        self.epoch = 0

    def offer(self, model: torch.nn.Module, epoch: int, average_precision: float | None, loss: float) -> None:
        """Takes the model's weights when this epoch is the one to keep so far."""
        score = (-1.0 if average_precision is None else average_precision, -loss)
        if self._keep == "last" or self._score is None or score > self._score:
            self._score, self.epoch = score, epoch
            self._state = {n: p.detach().cpu().clone() for n, p in model.named_parameters() if p.requires_grad}

    def restore(self, model: torch.nn.Module) -> None:
        """Puts the kept weights back."""
        with torch.no_grad():
            for name, parameter in model.named_parameters():
                if name in self._state:
                    parameter.copy_(self._state[name])
