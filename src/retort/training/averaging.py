"""A moving average of the weights while they are trained: what is judged and kept in their place.

The last steps of a fit wander around a minimum; their average lies nearer to it than any one of them
(Polyak and Juditsky 1992; Izmailov et al. 2018, arXiv:1803.05407).
"""

import contextlib
from collections.abc import Iterator

import torch


class WeightAverage:
    """The exponential moving average of all weights of `model` that learn.

    decay: in [0, 1), the share that each step keeps of the average so far; 0.99 looks back over about a hundred
    steps. The first steps look back less, so that the start is soon forgotten. 0 is no average at all.
    """

    def __init__(self, model: torch.nn.Module, decay: float) -> None:
        self._decay = decay
        self._steps = 0
        self._weights = [p for p in model.parameters() if p.requires_grad]
        self._average = [p.detach().clone() for p in self._weights] if decay else []

    @torch.no_grad()
    def update(self) -> None:
        """Takes the weights after one more step in."""
        if not self._average:
            return
        self._steps += 1
        kept = min(self._decay, self._steps / (self._steps + 10))
        torch._foreach_lerp_(self._average, self._weights, 1 - kept)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Within the block the model holds the average; afterwards it goes on from where its training was."""
        if not self._average:
            yield
            return
        trained = [p.detach().clone() for p in self._weights]
        self._fill(self._average)
        try:
            yield
        finally:
            self._fill(trained)

    @torch.no_grad()
    def _fill(self, values: list[torch.Tensor]) -> None:
        for weight, value in zip(self._weights, values, strict=True):
            weight.copy_(value)
