"""A model folder before its model is loaded: what it records, and whether it is whole."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retort import runs, text
from retort.errors import ModelError
from retort.evaluation.calibration import Calibration
from retort.evaluation.review import Band
from retort.inference.foreign import foreign_about
from retort.tasks import Task

# The schema of the retort.json that this version writes.
SCHEMA = 2

_NEEDED = (
    "arm", "task", "role", "loader", "attributes", "label_threshold", "thresholds", "max_length",
    "normaliser_version", "base",
)  # fmt: skip
_NOT_WRITTEN_BY_RETORT = (KeyError, TypeError, ValueError, AttributeError, ZeroDivisionError)
# Files of weights, where a folder has no manifest for the whole of it.
_WEIGHTS = (
    runs.ONNX_MODEL,
    runs.ADAPTER_WEIGHTS,
    runs.WEIGHTS,
    runs.TFIDF_WEIGHTS,
    "model.safetensors.index.json",
    "pytorch_model.bin",
)


def is_run(folder: Path) -> bool:
    """Whether a folder to measure or to serve is a run (True) or a model (False). Raises ModelError when neither."""
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such folder; give a run or the folder of a model, for example RUN/odd")
    if (folder / runs.COMPARISON).is_file():
        return True
    if not is_model(folder):
        raise ModelError(f"{folder}: neither a run nor a model; give a run, or a folder such as RUN/odd")
    return False


def is_model(folder: Path) -> bool:
    """Whether the folder has the record or the config of a model."""
    return any((folder / name).is_file() for name in (runs.RETORT, runs.CONFIG))


def model_name(folder: Path) -> str:
    """The name of a model folder's arm, as recorded; the folder's own name where none is."""
    recorded = runs.read_about(folder).get("arm") if (folder / runs.RETORT).is_file() else None
    return str(recorded or folder.resolve().name)


def checked_about(folder: Path) -> dict[str, Any]:
    """What a model folder records in retort.json, or what follows from the config of a classifier made elsewhere.

    Raises ModelError when there is no such folder or it holds no model, when a key is missing, when a file differs
    from the manifest, or when the model was made for texts normalised by a version that this one does not know.
    """
    _require_folder(folder)
    if not (folder / runs.RETORT).is_file():
        return foreign_about(folder)
    about = runs.read_about(folder)
    missing = [key for key in _NEEDED if key not in about]
    if missing:
        raise ModelError(f"{folder / runs.RETORT}: without {', '.join(missing)}; take a whole copy of the arm")
    if (folder / runs.MANIFEST).is_file():
        runs.check_manifest(folder)
    if about["normaliser_version"] not in text.VERSIONS:
        raise ModelError(
            f"{folder}: trained on texts normalised by version {about['normaliser_version']}, "
            f"this retort has {text.VERSION} and earlier ones; use the retort that made it, or train again"
        )
    return about


def primary_of(task: Task, attributes: Sequence[str]) -> str:
    """The attribute that decides a model's verdict: the task's primary label, or the only label of a foreign model."""
    return task.primary if task.primary in attributes else attributes[0]


def recorded_calibration(folder: Path, about: Mapping[str, Any]) -> Calibration:
    """That of a folder's retort.json; one that changes nothing where none is recorded. Raises ModelError."""
    try:
        return Calibration.of(about, about["attributes"])
    except _NOT_WRITTEN_BY_RETORT as error:
        raise _unfit(folder, "calibration", error) from error


def recorded_bands(folder: Path, about: Mapping[str, Any]) -> dict[str, dict[str, Band]]:
    """Attribute -> share of the comments -> probabilities between which people should look. Raises ModelError."""
    try:
        return {
            str(name): {str(share): (float(low), float(high)) for share, (low, high) in bands.items()}
            for name, bands in (about.get("review_bands") or {}).items()
        }
    except _NOT_WRITTEN_BY_RETORT as error:
        raise _unfit(folder, "review_bands", error) from error


def _unfit(folder: Path, key: str, error: Exception) -> ModelError:
    path = folder / runs.RETORT
    return ModelError(f"{path}: {key} not as retort writes it ({error!r}); take a whole copy of the arm")


def model_sha256(folder: Path) -> str:
    """The sha256 that identifies a model: of its manifest, or of its weights when it has none.

    Raises ModelError when it has neither.
    """
    found = next((path for name in (runs.MANIFEST, *_WEIGHTS) if (path := folder / name).is_file()), None)
    if found is None:
        raise ModelError(f"{folder}: no weights ({', '.join(_WEIGHTS[:3])}); take a whole copy of the model")
    return runs.sha256(found)


def _require_folder(folder: Path) -> None:
    if not folder.is_dir():
        raise ModelError(f"{folder}: no such folder; give the folder of an arm, for example RUN/odd")
    if (folder / runs.COMPARISON).is_file():
        raise ModelError(f"{folder}: a run, not a model; name one of its arms, for example {folder / 'odd'}")
