"""Dropout with cheap random numbers on a CPU.

torch draws them one by one on a CPU, which takes a quarter of a BERT's training time (docs/log.md). Here 16 random bits
for each value, a resolution of 1 in 65,536, come in blocks from numpy's SFC64.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

_STEPS = 2**16
_VALUES_IN_A_WORD = 4
_SEEDS = 2**62


def dropout(inputs: Tensor, probability: float, training: bool) -> Tensor:
    """As `torch.nn.functional.dropout`: zeros with `probability`, all other values divided by 1 - probability.

    On a CPU the mask depends on torch's global seed only, not on the number of threads.
    """
    if not training or probability == 0:
        return inputs
    if inputs.device.type != "cpu":
        return torch.nn.functional.dropout(inputs, probability)
    return inputs * _mask(inputs.shape, probability, inputs.dtype)


class QuickDropout(torch.nn.Dropout):
    """torch's Dropout module, computed by `dropout` above."""

    def forward(self, input: Tensor) -> Tensor:
        """See `dropout`."""
        return dropout(input, self.p, self.training)


def quicken_dropout(model: torch.nn.Module) -> None:
    """Replaces every Dropout of the model by a QuickDropout of the same probability; saved weights are unaffected."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child) is torch.nn.Dropout:
                setattr(parent, name, QuickDropout(child.p).train(child.training))


def _mask(shape: Sequence[int], probability: float, dtype: torch.dtype) -> Tensor:
    count = math.prod(shape)
    seed = int(torch.randint(_SEEDS, ()))
    words = np.random.SFC64(seed).random_raw(-(-count // _VALUES_IN_A_WORD))
    drawn = torch.from_numpy(words.view(np.int16)[:count]).view(*shape)
    kept = drawn >= round(probability * _STEPS) - _STEPS // 2
    return kept.to(dtype).mul_(1 / (1 - probability))
