"""A trained model as one ONNX file that runs without torch, in fp32 or int8, and only if it still says the same."""

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from transformers import BertForSequenceClassification

from retort import runs
from retort.config import ColumnNames
from retort.errors import RunError
from retort.export.card import card
from retort.export.int8 import quantized, ready_for_int8
from retort.export.parity import Parity, parity
from retort.export.rows import Rows, checking_rows
from retort.export.source import Source, read_source
from retort.inference.golden import FP32_TOLERANCE, INT8_TOLERANCE, write_golden
from retort.inference.onnx_predictor import FP32, INPUTS, INT8, OUTPUT, onnx_model
from retort.inference.reading import Model, Probabilities
from retort.models.classifier import load_tokenizer
from retort.models.first_token import first_token_only

# Called with what is being done, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]

_CHUNK = 64
# Comments that show which of a model's channels are large.
_SHOWN = 64


def export(
    folder: Path, out: Path, *, int8: bool, data: Path | None, columns: ColumnNames, progress: Progress
) -> dict[str, Any]:
    """Writes the model of `folder` to `out` and returns what became smaller and what changed.

    Checked on `data`, else on the validation rows of the run that `folder` stands in. Raises RunError when the
    export says something else than the model, ModelError or ConfigError for a folder that cannot be exported;
    then nothing is written.
    """
    runs.refuse_existing(out)
    progress("loading", 0, 1)
    source = read_source(folder)
    rows = checking_rows(folder, source, data, columns)
    about = source.about | {
        "format": INT8 if int8 else FP32,
        "source_sha256": source.sha256,
        "made_by": runs.provenance(),
    }
    with runs.written_whole(out) as partial:
        progress("exporting", 0, 1)
        _write_model(source, rows, partial / runs.ONNX_MODEL, int8=int8)
        load_tokenizer(source.tokenizer_folder).save(str(partial / runs.TOKENIZER))
        (partial / runs.CONFIG).write_text(source.model.config.to_json_string(), "utf-8")
        runs.write_json(partial / runs.RETORT, about)
        exported = onnx_model(partial, about)
        found = _parity(source, exported, rows, progress)
        complaint = found.complaint(int8=int8)
        if complaint is not None:
            advice = "export it without --int8" if int8 else "report it, naming the versions of torch and onnxruntime"
            raise RunError(f"{folder}: its {about['format']} {complaint}; nothing was written, {advice}")
        runs.write_json(partial / runs.RETORT, about | {"parity": found.as_json()})
        bytes_after = (partial / runs.ONNX_MODEL).stat().st_size
        (partial / runs.MODEL_CARD).write_text(card(about, found, source.bytes, bytes_after), "utf-8")
        tolerance = INT8_TOLERANCE if int8 else FP32_TOLERANCE
        write_golden(partial, source.attributes, lambda texts: exported(texts).probabilities, tolerance)
        runs.write_manifest(partial)
    return {
        "model": str(folder),
        "out": str(out),
        "format": about["format"],
        "bytes": {"before": source.bytes, "after": bytes_after},
        "parity": found.as_json(),
    }


class _Logits(torch.nn.Module):
    """The classifier with the inputs and the one output that the file is to have."""

    def __init__(self, classifier: BertForSequenceClassification) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.classifier(input_ids=input_ids, attention_mask=attention_mask).logits
        return logits


def _write_model(source: Source, rows: Rows, path: Path, *, int8: bool) -> None:
    with _quiet():
        if not int8:
            path.write_bytes(onnx_graph(source.model).SerializeToString())
            return
        shown = rows.texts[:: -(-len(rows.texts) // _SHOWN)]
        windows = source.scorer().reader.read(shown).windows
        quantized(onnx_graph(ready_for_int8(source.model, windows)), path)


def onnx_graph(model: BertForSequenceClassification) -> onnx.ModelProto:
    """The model as ONNX, for any number of windows of any length that it can read."""
    # Written out, attention becomes a graph of half the nodes; the model has its own implementation again afterwards.
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    try:
        with torch.inference_mode(), first_token_only(model):
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
    finally:
        model.set_attn_implementation(before)
    assert program is not None
    proto: onnx.ModelProto = program.model_proto
    # The traces name files of the machine that it was made on.
    for node in proto.graph.node:
        node.ClearField("metadata_props")
        node.ClearField("doc_string")
    return proto


def _parity(source: Source, exported: Model, rows: Rows, progress: Progress) -> Parity:
    said = [
        _scored(model, rows.texts, f"asking the {what}", progress)
        for what, model in (("model", source.scorer()), ("export", exported))
    ]
    threshold = float(source.about["thresholds"][source.attributes[0]])
    return parity(said[0], said[1], rows.labels, source.attributes, threshold, rows.origin)


def _scored(model: Model, texts: list[str], what: str, progress: Progress) -> Probabilities:
    parts = []
    for begin in range(0, len(texts), _CHUNK):
        progress(what, begin, len(texts))
        parts.append(model(texts[begin : begin + _CHUNK]).probabilities)
    return np.concatenate(parts)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without what exporter and quantiser tell their own developers."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
