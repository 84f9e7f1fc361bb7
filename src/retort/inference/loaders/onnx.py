"""A model that `retort export` wrote, run with onnxruntime and without torch."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from retort.errors import ModelError
from retort.inference.devices import require_cpu
from retort.inference.loaders import Loaded
from retort.inference.onnx_predictor import onnx_model


def load(folder: Path, about: Mapping[str, Any], threads: int | None, truncate: bool, device: str) -> Loaded:
    """See `Loader.load`."""
    require_cpu(device, folder, "an export")
    return Loaded(str(about["format"]), onnx_model(folder, about, threads, truncate=truncate))


def plain(folder: Path, about: Mapping[str, Any]) -> NoReturn:
    """Raises ModelError: the folder is an export already."""
    raise ModelError(f"{folder}: is an export already ({about['format']}); name the arm that it was made from")
