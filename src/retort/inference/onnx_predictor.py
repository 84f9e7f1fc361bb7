"""Windows scored by an exported model with onnxruntime, without torch."""

import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from retort import runs
from retort.data.batches import Tokens, evaluation_batches
from retort.errors import ModelError, first_line
from retort.inference.reading import Reader, WindowedModel, read_tokenizer

FP32, INT8 = "onnx fp32", "onnx int8"
INPUTS = ("input_ids", "attention_mask")
OUTPUT = "logits"

_BATCH_SIZE = 8
# onnxruntime's kernel for residual and layer norm together takes six times as long as the two separate ones (1.32).
_SLOW_FUSIONS = ("SkipLayerNormFusion",)
_ERRORS_ONLY = 3
# The protobuf encoding of the key under which a tensor names an external file with its data.
_EXTERNAL_DATA = b"\x0a\x08location"
# An exported folder is not whole without these, even if its manifest leaves them out.
_FILES = (runs.ONNX_MODEL, runs.TOKENIZER, runs.RETORT)


class OnnxScorer:
    """Logits of an onnxruntime session, (n windows, n attributes)."""

    def __init__(self, session: onnxruntime.InferenceSession, *, int8: bool) -> None:
        self._session = session
        self._int8 = int8

    def __call__(self, windows: Tokens) -> npt.NDArray[np.float32]:
        # Dynamic int8 computes its scales over the whole batch (onnxruntime#10111). Alone and without padding, a
        # window's score does not depend on the rest of the batch.
        return self._one_by_one(windows) if self._int8 else self._in_batches(windows)

    def _one_by_one(self, windows: Tokens) -> npt.NDArray[np.float32]:
        rows = []
        for row in range(len(windows)):
            ids = windows.ids[windows.starts[row] : windows.starts[row + 1]].astype(np.int64)[None, :]
            rows.append(self._run(ids, np.ones_like(ids)))
        return np.concatenate(rows)

    def _in_batches(self, windows: Tokens) -> npt.NDArray[np.float32]:
        batches = list(evaluation_batches(windows.lengths, _BATCH_SIZE))
        rows = np.concatenate([self._run(*windows.padded(batch)) for batch in batches])
        return rows[np.argsort(np.concatenate(batches))]

    def _run(self, ids: npt.NDArray[np.int64], mask: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        found: npt.NDArray[np.float32] = self._session.run([OUTPUT], dict(zip(INPUTS, (ids, mask), strict=True)))[0]
        return found


def onnx_model(
    folder: Path, about: Mapping[str, Any], threads: int | None = None, *, truncate: bool = False
) -> WindowedModel:
    """The model of an exported folder. about: its retort.json. threads: how many share the work on one window, one per
    core by default. truncate: read one window per comment.

    Raises ModelError when it is unfit: an unknown format, a file missing or not in the manifest, a model that
    onnxruntime does not load, weights in another file, or inputs and outputs that do not fit retort.json.
    """
    form = about["format"]
    if form not in (FP32, INT8):
        raise ModelError(f"{folder}: format {form!r}; this retort reads {FP32!r} and {INT8!r}: export it again")
    _require_files(folder)
    session = open_session(folder / runs.ONNX_MODEL, threads)
    _require_interface(session, len(about["attributes"]), folder)
    tokenizer = read_tokenizer(folder / runs.TOKENIZER)
    reader = Reader(tokenizer, int(about["max_length"]), truncate=truncate, version=about["normaliser_version"])
    return WindowedModel(reader, OnnxScorer(session, int8=form == INT8))


def _require_files(folder: Path) -> None:
    manifest = folder / runs.MANIFEST
    named = runs.read_json(manifest, "an exported folder has one") if manifest.is_file() else _FILES
    for name in _FILES:
        if not (folder / name).is_file():
            raise ModelError(f"{folder}: no {name}; take a whole copy of the exported folder")
        if name not in named:
            raise ModelError(f"{manifest}: does not name {name}; take a whole copy of the exported folder")


def open_session(path: Path, threads: int | None) -> onnxruntime.InferenceSession:
    """A session for a model file, safe to call from several threads. Raises ModelError when the file is unfit.

    threads: how many share the work of one call; None for one per core.
    """
    if _keeps_weights_elsewhere(path):
        raise ModelError(f"{path}: keeps its weights in another file; export it again, as one file")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _ERRORS_ONLY
    options.intra_op_num_threads = threads or 0  # 0: one per core
    options.inter_op_num_threads = 1
    # Spinning threads would keep cores busy during every call and for tens of milliseconds after it.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"], disabled_optimizers=_SLOW_FUSIONS
        )
    except Exception as error:  # onnxruntime's own kinds share no other base
        raise ModelError(f"{path}: onnxruntime does not load it ({first_line(error)}); export it again") from error


def _keeps_weights_elsewhere(path: Path) -> bool:
    if not path.stat().st_size:
        return False  # cannot be mapped; onnxruntime reports the error
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(_EXTERNAL_DATA) >= 0


def _require_interface(session: onnxruntime.InferenceSession, attributes: int, folder: Path) -> None:
    inputs = tuple(one.name for one in session.get_inputs())
    outputs = [one for one in session.get_outputs() if one.name == OUTPUT]
    if inputs != INPUTS or not outputs or outputs[0].shape[-1] != attributes:
        raise ModelError(
            f"{folder / runs.ONNX_MODEL}: takes {', '.join(inputs)} and gives "
            f"{', '.join(f'{one.name} {one.shape}' for one in session.get_outputs())}; expected {', '.join(INPUTS)}, "
            f"and {OUTPUT} of {attributes} attributes: export it again"
        )
