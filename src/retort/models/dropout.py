"""Dropout whose random numbers cost little on a CPU.

torch draws them there one after the other, a quarter of all training time of a BERT (docs/log.md). 16 random
bits for each value are enough for a probability to 1 in 65,536, and come in blocks from numpy's SFC64.
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
    """As `torch.nn.functional.dropout`: zeros with `probability`, the others divided by what is left of 1.

    On a CPU the mask hangs on torch's global seed alone, whatever the number of threads.
    """
    if not training or probability == 0:
        return inputs
    if inputs.device.type != "cpu":
        return torch.nn.functional.dropout(inputs, probability)
    return inputs * _mask(inputs.shape, probability, inputs.dtype)


class QuickDropout(torch.nn.Dropout):
    """torch's module with `dropout` for its function."""

    def forward(self, input: Tensor) -> Tensor:
        return dropout(input, self.p, self.training)


def quicken_dropout(model: torch.nn.Module) -> None:
    """Every Dropout of the model becomes a QuickDropout of the same probability; nothing of it is saved."""
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
