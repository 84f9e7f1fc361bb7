"""The last layer computed for the first token alone, which is all that the pooler and the head read of it.

Its keys and values are needed of every token; the query, the attention's output and the feed-forward block of
one. Nothing else changes: the logits are the same, for a twelfth of the work in a teacher of 12 layers, a
seventh in one of 6, and more than a quarter in a student of 3.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from transformers import BertForSequenceClassification
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.bert.modeling_bert import BertLayer, eager_attention_forward


class _FirstTokenLayer(BertLayer):
    """A BertLayer, its weights and names included, whose output is that of the first token: (batch, 1, width)."""

    def forward(self, hidden_states: Tensor, attention_mask: Tensor | None = None, *_: Any, **__: Any) -> Tensor:
        own = self.attention.self
        first = hidden_states[:, :1]
        heads = (*hidden_states.shape[:-1], -1, own.attention_head_size)
        query = own.query(first).view(heads[0], 1, *heads[2:]).transpose(1, 2)
        key, value = (part(hidden_states).view(heads).transpose(1, 2) for part in (own.key, own.value))
        attend = ALL_ATTENTION_FUNCTIONS.get_interface(own.config._attn_implementation, eager_attention_forward)
        attended, _weights = attend(
            own,
            query,
            key,
            value,
            # Which tokens each token may look at, (batch, 1, tokens, tokens): of interest is what the first may.
            None if attention_mask is None else attention_mask[:, :, :1],
            dropout=own.dropout.p if self.training else 0.0,
            scaling=own.scaling,
        )
        beside = self.attention.output(attended.flatten(2), first)
        output: Tensor = self.output(self.intermediate(beside), beside)
        return output


def use_first_token(model: torch.nn.Module) -> None:
    """Makes the classifier (or what wraps one) compute no more of its last layer than its logits need, for good.

    Its last hidden state is then that of the first token, so hidden states must not be asked for.
    """
    _last_layer(model).__class__ = _FirstTokenLayer


@contextlib.contextmanager
def first_token_only(model: torch.nn.Module) -> Iterator[None]:
    """As `use_first_token`, until the block ends."""
    layer = _last_layer(model)
    before = layer.__class__
    layer.__class__ = _FirstTokenLayer
    try:
        yield
    finally:
        layer.__class__ = before


def _last_layer(model: torch.nn.Module) -> torch.nn.Module:
    bert = next(module for module in model.modules() if isinstance(module, BertForSequenceClassification))
    layer: torch.nn.Module = bert.bert.encoder.layer[-1]
    return layer
