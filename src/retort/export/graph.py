"""A BERT classifier as an ONNX graph, in fp32."""

import contextlib
import logging
import warnings
from collections.abc import Iterator

import onnx
import torch
from transformers import BertForSequenceClassification

from retort.inference.onnx_predictor import INPUTS, OUTPUT
from retort.models.first_token import first_token_only


class _Logits(torch.nn.Module):
    """The classifier with the inputs and the output of the exported file."""

    def __init__(self, classifier: BertForSequenceClassification) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.classifier(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def onnx_graph(model: BertForSequenceClassification) -> onnx.ModelProto:
    """The model for any number of windows of any length up to its number of positions; `model` is left as it was."""
    # Eager attention needs half as many nodes as the fused implementation.
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        with quiet(), torch.inference_mode(), first_token_only(model):
            proto = _exported(model)
    finally:
        model.set_attn_implementation(before)
    # The traces name files of the machine that exported it.
    for node in proto.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    return proto


def _exported(model: BertForSequenceClassification) -> onnx.ModelProto:
    ids = torch.ones((2, 8), dtype=torch.int64)
    windows = torch.export.Dim("windows")
    tokens = torch.export.Dim("tokens", min=2, max=model.config.max_position_embeddings)
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
