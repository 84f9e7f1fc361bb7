"""Attention written out, for training on a CPU, where the backward pass of torch's fused kernel is half of a step."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface, BertForSequenceClassification
from transformers.masking_utils import eager_mask

from retort.models.dropout import dropout as quick_dropout

_NAME = "retort_written_out"


def _written_out(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, Tensor]:
    """query, key, value: (batch, heads, tokens, size). Returns (batch, tokens, heads, size), and the weights."""
    scores = torch.matmul(query * scaling, key.transpose(2, 3))
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = quick_dropout(torch.softmax(scores, dim=-1), dropout, module.training)
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights


AttentionInterface.register(_NAME, _written_out)
AttentionMaskInterface.register(_NAME, eager_mask)


@contextlib.contextmanager
def attention_for_training(model: torch.nn.Module, device: torch.device) -> Iterator[None]:
    """On a CPU, attention written out. Both ways compute the same; the model has its own again afterwards."""
    bert = next(module for module in model.modules() if isinstance(module, BertForSequenceClassification))
    before = bert.config._attn_implementation
    if device.type == "cpu":
        bert.set_attn_implementation(_NAME)
    try:
        yield
    finally:
        bert.set_attn_implementation(before)
