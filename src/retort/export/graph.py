"""A classifier as an ONNX graph, in fp32."""

import contextlib
import logging
import warnings
from collections.abc import Iterator

import onnx
import torch
from transformers import BertForSequenceClassification

from retort.inference.onnx_predictor import INPUTS, OUTPUT
from retort.models.first_token import first_token_only
from retort.models.static import StaticClassifier

Classifier = BertForSequenceClassification | StaticClassifier


class _Logits(torch.nn.Module):
    """The classifier with the inputs and the output of the exported file."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.classifier(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def onnx_graph(model: Classifier) -> onnx.ModelProto:
    """The model for any number of windows of any length up to its number of positions; `model` is left as it was."""
    with quiet(), torch.inference_mode(), _eager_attention(model), first_token_only(model):
        proto = _exported(model)
    # The traces name files of the machine that exported it.
    for node in proto.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    return proto


@contextlib.contextmanager
def _eager_attention(model: Classifier) -> Iterator[None]:
    """Attention that needs half as many nodes as the fused implementation, until the block ends."""
    if isinstance(model, StaticClassifier):
        yield
        return
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        yield
    finally:
        model.set_attn_implementation(before)


def _exported(model: Classifier) -> onnx.ModelProto:
    ids = torch.ones((2, 8), dtype=torch.int64)
    windows = torch.export.Dim("windows")
    positions = None if isinstance(model, StaticClassifier) else model.config.max_position_embeddings
    tokens = torch.export.Dim("tokens", min=2, max=positions)
    program = torch.onnx.export(
        _Logits(model).eval(),
        (ids, torch.ones_like(ids)),
        dynamo=True,
        external_data=False,
        input_names=list(INPUTS),
        output_names=[OUTPUT],
        dynamic_shapes=({0: windows, 1: tokens}, {0: windows, 1: tokens}),
        verbose=False,
    )
    assert program is not None
    proto: onnx.ModelProto = program.model_proto
    return proto


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silences warnings of exporter and quantiser, which address their developers."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
