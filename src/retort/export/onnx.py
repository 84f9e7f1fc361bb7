"""Exports a trained model as one ONNX file that runs without torch, in fp32 or int8, if it passes the parity gate."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from transformers import BertForSequenceClassification

from retort import runs
from retort.errors import ConfigError, RunError
from retort.export.card import card
from retort.export.graph import onnx_graph, quiet
from retort.export.int8 import quantized, ready_for_int8
from retort.export.parity import Parity, parity
from retort.export.rows import CalibrationTexts, ParityRows, read_rows
from retort.export.source import Source, read_source
from retort.inference.folders import SCHEMA
from retort.inference.golden import FP32_TOLERANCE, INT8_TOLERANCE, write_golden
from retort.inference.onnx_predictor import FP32, INT8, onnx_model
from retort.inference.reading import Model, Probabilities
from retort.models.classifier import load_tokenizer
from retort.models.static import StaticClassifier
from retort.progress import StageProgress
from retort.provenance import provenance
from retort.whole_folder import refuse_existing, written_whole

_CHUNK = 64


def export(
    folder: Path, out: Path, *, int8: bool, data: Path | None, columns: Mapping[str, str], progress: StageProgress
) -> dict[str, Any]:
    """Exports the model of `folder` to `out`, and returns sizes and parity figures.

    data: labelled comments to check the export on, by default the validation rows of the run that contains `folder`.
    columns: their columns as named by the user. Raises RunError when the export misses the parity gate, ModelError,
    ConfigError or DataError for a folder or data that cannot be used; then nothing is written.
    """
    refuse_existing(out)
    progress("loading", 0, 1)
    source = read_source(folder)
    if int8 and isinstance(source.model, StaticClassifier):
        raise ConfigError(f"{folder}: a static student has no matrix products to speed up; export it without --int8")
    checked, calibration = read_rows(folder, source, data, columns, int8=int8)
    about = _about(source, INT8 if int8 else FP32)
    with written_whole(out) as partial:
        progress("exporting", 0, 1)
        _write_model(source, calibration, partial)
        runs.write_json(partial / runs.RETORT, about)
        exported = onnx_model(partial, about)
        found = _parity(source, exported, checked, progress)
        _require_passed(found, folder, about["format"])
        figures = found.as_json() | {"calibration": _calibration_json(calibration)}
        runs.write_json(partial / runs.RETORT, about | {"parity": figures})
        size = {"before": source.bytes, "after": (partial / runs.ONNX_MODEL).stat().st_size}
        (partial / runs.MODEL_CARD).write_text(card(about, found, calibration, size), "utf-8")
        tolerance = INT8_TOLERANCE if int8 else FP32_TOLERANCE
        calibrated = source.calibration
        write_golden(partial, source.attributes, lambda texts: calibrated(exported(texts).probabilities), tolerance)
        runs.write_manifest(partial)
    return {"model": str(folder), "out": str(out), "format": about["format"], "bytes": size, "parity": figures}


def _about(source: Source, form: str) -> dict[str, Any]:
    """The export's retort.json: the source's, with another loader."""
    return source.about | {
        "schema": SCHEMA,
        "loader": "onnx",
        "format": form,
        "source_sha256": source.sha256,
        "made_by": provenance(),
    }


def _write_model(source: Source, calibration: CalibrationTexts | None, folder: Path) -> None:
    """Writes model, tokenizer and config; in int8 when there are texts to calibrate with."""
    path = folder / runs.ONNX_MODEL
    if calibration is None:
        path.write_bytes(onnx_graph(source.model).SerializeToString())
    else:
        assert isinstance(source.model, BertForSequenceClassification)
        windows = source.scorer().reader.read(calibration.texts).windows
        graph = onnx_graph(ready_for_int8(source.model, windows))
        with quiet():
            quantized(graph, path)
    load_tokenizer(source.folder).save(str(folder / runs.TOKENIZER))
    (folder / runs.CONFIG).write_text(_config(source), "utf-8")


def _config(source: Source) -> str:
    model = source.model
    if isinstance(model, StaticClassifier):
        return model.weights().config(source.attributes)
    return model.config.to_json_string()


def _parity(source: Source, exported: Model, checked: ParityRows, progress: StageProgress) -> Parity:
    """Compares what people see: calibrated probabilities, and verdicts at the model's thresholds."""
    before = source.calibration(_scored(source.scorer(), checked.texts, "scoring with the model", progress))
    after = source.calibration(_scored(exported, checked.texts, "scoring with the export", progress))
    return parity(before, after, checked.labels, source.thresholds, source.primary, checked.origin)


def _scored(model: Model, texts: list[str], stage: str, progress: StageProgress) -> Probabilities:
    parts = []
    for begin in range(0, len(texts), _CHUNK):
        progress(stage, begin, len(texts))
        parts.append(model(texts[begin : begin + _CHUNK]).probabilities)
    return np.concatenate(parts)


def _require_passed(found: Parity, folder: Path, form: str) -> None:
    complaint = found.complaint(int8=form == INT8)
    if complaint is not None:
        advice = (
            "export it without --int8" if form == INT8 else "report it, naming the versions of torch and onnxruntime"
        )
        raise RunError(f"{folder}: its {form} {complaint}; nothing was written, {advice}")


def _calibration_json(calibration: CalibrationTexts | None) -> dict[str, Any] | None:
    return None if calibration is None else {"rows": len(calibration.texts), "origin": calibration.origin}
