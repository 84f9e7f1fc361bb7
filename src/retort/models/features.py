"""Intermediate tensors of a BERT, one vector per token, for losses that compare two models."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor
from transformers import BertForSequenceClassification

_PROJECTIONS = ("query", "key", "value")


@dataclass(frozen=True, order=True)
class Feature:
    """One tensor of (batch, tokens, width).

    hidden: entry `index` of transformers' `hidden_states`, so 0 is the embeddings and layer i gives i + 1.
    query, key, value: the projections of the self-attention of layer `index`, all heads side by side.
    """

    kind: Literal["hidden", "query", "key", "value"]
    index: int


# What a term of the loss compares: a feature of the student with one of the teacher.
FeaturePair = tuple[Feature, Feature]


@contextlib.contextmanager
def captured(model: torch.nn.Module, features: Sequence[Feature]) -> Iterator[Callable[[Any], list[Tensor]]]:
    """Within the block, a function from the output of the last forward pass to its `features`, in their order.

    The pass needs `output_hidden_states=True` when one of them is a hidden state.
    """
    kept: dict[Feature, Tensor] = {}
    handles = [_keep(model, feature, kept) for feature in set(features) if feature.kind in _PROJECTIONS]

    def of(output: Any) -> list[Tensor]:
        return [output.hidden_states[f.index] if f.kind == "hidden" else kept[f] for f in features]

    try:
        yield of
    finally:
        for handle in handles:
            handle.remove()


def _keep(model: torch.nn.Module, feature: Feature, kept: dict[Feature, Tensor]) -> Any:
    bert = next(module for module in model.modules() if isinstance(module, BertForSequenceClassification))
    layer: Any = bert.bert.encoder.layer[feature.index]
    projection = getattr(layer.attention.self, feature.kind)

    def keep(_module: torch.nn.Module, _inputs: Any, output: Tensor) -> None:
        kept[feature] = output

    return projection.register_forward_hook(keep)
