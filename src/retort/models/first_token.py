"""The last layer computed for the first token only, which is all that the pooler and the head read of it.

Keys and values are computed for every token; the query, the attention output and the feed-forward block for one.
The logits stay the same. It saves a twelfth of the work in a teacher of 12 layers, a seventh in one of 6, and more
than a quarter in a student of 3.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.bert.modeling_bert import BertLayer, eager_attention_forward

from retort.models.bert import bert_within, inner_bert


class _FirstTokenLayer(BertLayer):
    """A BertLayer with the same weights and names that returns the first token only: (batch, 1, width)."""

    def forward(self, hidden_states: Tensor, attention_mask: Tensor | None = None, *_: Any, **__: Any) -> Tensor:
        attention = self.attention.self
        first = hidden_states[:, :1]
        heads = (*hidden_states.shape[:-1], -1, attention.attention_head_size)
        query = attention.query(first).view(heads[0], 1, *heads[2:]).transpose(1, 2)
        key, value = (part(hidden_states).view(heads).transpose(1, 2) for part in (attention.key, attention.value))
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(attention.config._attn_implementation, eager_attention_forward)
        context, _weights = attend(
            attention,
            query,
            key,
            value,
            # (batch, 1, tokens, tokens): the row of the first token is enough.
            None if attention_mask is None else attention_mask[:, :, :1],
            dropout=attention.dropout.p if self.training else 0.0,
            scaling=attention.scaling,
        )
        attention_output = self.attention.output(context.flatten(2), first)
        output: Tensor = self.output(self.intermediate(attention_output), attention_output)
        return output


def use_first_token(model: torch.nn.Module) -> None:
    """Permanently restricts the last layer to [CLS]. `model` is a classifier, or wraps one.

    The last hidden state then holds the first token only, so hidden states must not be requested. A model without
    layers stays as it is.
    """
    if bert_within(model) is not None:
        _last_layer(model).__class__ = _FirstTokenLayer


@contextlib.contextmanager
def first_token_only(model: torch.nn.Module) -> Iterator[None]:
    """As `use_first_token`, until the block ends; a model without layers stays as it is."""
    if bert_within(model) is None:
        yield
        return
    layer = _last_layer(model)
    before = layer.__class__
    layer.__class__ = _FirstTokenLayer
    try:
        yield
    finally:
        layer.__class__ = before


def _last_layer(model: torch.nn.Module) -> torch.nn.Module:
    layer: torch.nn.Module = inner_bert(model).bert.encoder.layer[-1]
    return layer
