"""Prepares a classifier for 8-bit integers, and writes the ONNX file that holds them.

Dynamic int8 has one scale for all activations that enter a matrix product. In BERT a few channels of the feed-forward
blocks are ten times as large as the others (Bondarenko et al. 2021, arXiv:2109.12948) and leave them few of the 256
steps. Dividing such a channel and multiplying its weights by the same number changes nothing in fp32 and halves the
error in int8 (the idea of Xiao et al. 2022, arXiv:2211.10438).
"""

import copy
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from torch.nn import functional
from transformers import BertForSequenceClassification

from retort.data.batches import Tokens

_LARGEST = 127
# Channels above this quantile of all channels are scaled down to it.
_ORDINARY = 0.95


def ready_for_int8(model: BertForSequenceClassification, windows: Tokens) -> BertForSequenceClassification:
    """A copy that loses less in int8. In fp32 only the rounding of its word embeddings changes its logits.

    windows: typical input, which shows the channels that are large.
    """
    ready = copy.deepcopy(model)
    for block, largest in zip(_feed_forward(ready), _largest_inputs(ready, windows), strict=True):
        parent, _, name = block.rpartition(".")
        setattr(ready.get_submodule(parent), name, _RescaledLinear(_linear(ready, block), largest))
    table = ready.bert.embeddings.word_embeddings.weight.detach()
    setattr(ready.bert.embeddings, "word_embeddings", _Int8Embedding(table))  # noqa: B010 - typed as an Embedding
    ready.eval()
    return ready


def quantized(model: onnx.ModelProto, path: Path) -> None:
    """Writes the model with the weights of its matrix products as int8, with a scale for each of their columns."""
    # The head is a thousandth of the work, and an error in it goes straight into the probabilities.
    head = [name for node in model.graph.node if node.op_type == "Gemm" for name in (node.name, f"{node.name}_MatMul")]
    with tempfile.TemporaryDirectory(dir=path.parent) as scratch:
        before = Path(scratch) / path.name
        before.write_bytes(model.SerializeToString())
        quantize_dynamic(
            before,
            path,
            per_channel=True,
            weight_type=QuantType.QInt8,
            op_types_to_quantize=["MatMul"],
            nodes_to_exclude=head,
        )


class _RescaledLinear(torch.nn.Module):
    """A linear layer whose large input channels are divided, and their weights multiplied, by the same numbers."""

    factor: torch.Tensor

    def __init__(self, linear: torch.nn.Linear, largest: torch.Tensor) -> None:
        super().__init__()
        ordinary = torch.quantile(largest, _ORDINARY).clamp_min(1e-6)
        divisor = (largest / ordinary).clamp_min(1.0)
        self.register_buffer("factor", 1 / divisor)
        self.linear = linear
        linear.weight = torch.nn.Parameter(linear.weight.detach() * divisor)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        outputs: torch.Tensor = self.linear(inputs * self.factor)
        return outputs


class _Int8Embedding(torch.nn.Module):
    """Word embeddings as int8 with a scale for each word; a single scale would lose more."""

    codes: torch.Tensor
    scales: torch.Tensor

    def __init__(self, table: torch.Tensor) -> None:
        super().__init__()
        scales = table.abs().amax(dim=1, keepdim=True).clamp_min(1e-8) / _LARGEST
        self.register_buffer("scales", scales)
        self.register_buffer("codes", torch.round(table / scales).to(torch.int8))

    def forward(self, input_ids: torch.Tensor) -> torch.Tensor:
        return functional.embedding(input_ids, self.codes).float() * functional.embedding(input_ids, self.scales)


def _feed_forward(model: BertForSequenceClassification) -> list[str]:
    """The names of the two linear layers in every feed-forward block."""
    layers = range(model.config.num_hidden_layers)
    return [f"bert.encoder.layer.{layer}.{part}.dense" for layer in layers for part in ("intermediate", "output")]


def _linear(model: torch.nn.Module, name: str) -> torch.nn.Linear:
    found = model.get_submodule(name)
    assert isinstance(found, torch.nn.Linear)
    return found


def _largest_inputs(model: BertForSequenceClassification, windows: Tokens) -> list[torch.Tensor]:
    """The largest absolute input of each channel, (channels,) for each feed-forward layer."""
    names = _feed_forward(model)
    largest = [torch.zeros(_linear(model, name).in_features) for name in names]

    def observe(place: int) -> torch.utils.hooks.RemovableHandle:
        def update(_: torch.nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            found = inputs[0].abs().flatten(end_dim=-2).amax(dim=0)
            largest[place] = torch.maximum(largest[place], found)

        return _linear(model, names[place]).register_forward_pre_hook(update)

    handles = [observe(place) for place in range(len(names))]
    try:
        with torch.inference_mode():
            for ids in _one_by_one(windows):
                model(input_ids=ids, attention_mask=torch.ones_like(ids))
    finally:
        for handle in handles:
            handle.remove()
    return largest


def _one_by_one(windows: Tokens) -> Iterator[torch.Tensor]:
    """Each window's ids without padding, as int8 reads them: (1, its length)."""
    for row in range(len(windows)):
        ids = windows.ids[windows.starts[row] : windows.starts[row + 1]]
        yield torch.from_numpy(ids.astype(np.int64))[None, :]
