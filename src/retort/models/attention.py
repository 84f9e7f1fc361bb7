"""Eager attention for training on a CPU, where the backward pass of torch's fused kernel takes half of a step."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.masking_utils import eager_mask

from retort.models.bert import bert_within
from retort.models.dropout import dropout as quick_dropout

_NAME = "retort_eager"


def _eager_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    scaling: float,
    dropout: float = 0.0,
    **_: Any,
) -> tuple[Tensor, Tensor]:
    """query, key, value: (batch, heads, tokens, head size). Returns (batch, tokens, heads, head size) and the weights,
    (batch, heads, tokens, tokens).
    """
    scores = torch.matmul(query * scaling, key.transpose(2, 3))
    if attention_mask is not None:
        scores = scores + attention_mask
    weights = quick_dropout(torch.softmax(scores, dim=-1), dropout, module.training)
    return torch.matmul(weights, value).transpose(1, 2).contiguous(), weights


AttentionInterface.register(_NAME, _eager_attention)
AttentionMaskInterface.register(_NAME, eager_mask)


@contextlib.contextmanager
def attention_for_training(model: torch.nn.Module, device: torch.device) -> Iterator[None]:
    """Eager attention on a CPU until the block ends; it computes the same as the model's own implementation.

    A model without attention stays as it is.
    """
    bert = bert_within(model)
    if bert is None or device.type != "cpu":
        yield
        return
    before = bert.config._attn_implementation
    bert.set_attn_implementation(_NAME)
    try:
        yield
    finally:
        bert.set_attn_implementation(before)
