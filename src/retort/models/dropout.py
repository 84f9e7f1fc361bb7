"""Dropout with cheap random numbers on a CPU.

torch draws them one by one on a CPU, which takes a quarter of a BERT's training time (docs/log.md). Here 16 random bits
for each value, a resolution of 1 in 65,536, come in blocks from numpy's SFC64. Until the backward pass a byte for each
value is kept, as in torch, not a factor of four.
"""

import math
from collections.abc import Sequence
from typing import Any

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
    kept, scale = _kept(inputs.shape, probability), 1 / (1 - probability)
    output: Tensor = _Masked.apply(inputs, kept, scale)  # type: ignore[no-untyped-call]
    return output


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


class _Masked(torch.autograd.Function):
    """inputs where `kept`, times `scale`; 0 elsewhere."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, kept: Tensor, scale: float) -> Tensor:
        ctx.save_for_backward(kept)
        ctx.scale = scale
        return inputs * kept.to(inputs.dtype).mul_(scale)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (kept,) = ctx.saved_tensors
        return gradient * kept.to(gradient.dtype).mul_(ctx.scale), None, None


def _kept(shape: Sequence[int], probability: float) -> Tensor:
    count = math.prod(shape)
    seed = int(torch.randint(_SEEDS, ()))
    words = np.random.SFC64(seed).random_raw(-(-count // _VALUES_IN_A_WORD))
    drawn = torch.from_numpy(words.view(np.int16)[:count]).view(*shape)
    return drawn >= round(probability * _STEPS) - _STEPS // 2
