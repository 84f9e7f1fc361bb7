"""The files of run and model folders: their names, their records, and the manifest with their digests.

`manifest.json` holds the sha256 of every other file of a model folder.
"""

import hashlib
import json
import stat
from pathlib import Path
from typing import Any

from retort.errors import DataError, ModelError
from retort.former_schema import upgraded_about, upgraded_comparison
from retort.tasks import Task, default_task, recorded_task

# A run folder.
EXPERIMENT = "experiment.toml"
RUN = "run.json"
SPLITS = "splits.parquet"
COMMENTS = "comments.parquet"
COMPARISON = "comparison.json"
COMPARISON_TABLE = "comparison.md"
REPORT = "report.html"
PLOTS = "plots"
TRACKING = "tracking"
TUNING = "tuning.json"
# Further trainings: folders by seed, and folders of other draws and splits by number.
SEEDS = "seeds"
RESPLITS = "resplits"
# Why trainings failed when they were last tried.
FAILED = "failed.json"
# In a folder that is not whole yet: which process writes it, and what of it is finished.
PARTIAL = "partial.json"
OWN_NAMES = frozenset(
    (
        EXPERIMENT,
        RUN,
        SPLITS,
        COMMENTS,
        COMPARISON,
        COMPARISON_TABLE,
        REPORT,
        PLOTS,
        TRACKING,
        TUNING,
        PARTIAL,
        SEEDS,
        RESPLITS,
        FAILED,
    )
)

# An arm's folder in it, which is also a model folder.
MODEL_CARD = "README.md"
RETORT = "retort.json"
HISTORY = "history.jsonl"
PREDICTIONS = "predictions.parquet"
METRICS = "metrics.json"
TRAINING = "training.json"
MANIFEST = "manifest.json"
GOLDEN = "golden.json"
CALIBRATION = "calibration.json"
MERGED = "merged"
CONFIG = "config.json"
WEIGHTS = "model.safetensors"
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
TFIDF_WEIGHTS = "weights.safetensors"
VOCABULARY = "vocabulary.json"
TOKENIZER = "tokenizer.json"

# What `retort export` writes, by default into a folder of this name in the arm's folder.
ONNX = "onnx"
ONNX_MODEL = "model.onnx"

SPLIT_NAMES = ("train", "validation", "test")


def write_json(path: Path, content: Any) -> None:
    """One JSON document, indented, without NaN (a number that is missing is null)."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")


def read_json(path: Path, what: str) -> Any:
    """A JSON document. Raises ModelError, with `what` as advice, when it is missing or broken."""
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); {what}") from error
    except ValueError as error:
        raise ModelError(f"{path}: not valid JSON ({error}); {what}") from error


def read_about(folder: Path) -> dict[str, Any]:
    """A model folder's retort.json, brought to today's schema.

    Its keys include arm, kind, role (baseline, teacher, student, adapter or foreign), loader (transformers, peft,
    static, tfidf, onnx, or None for an arm without a model), task, attributes. Raises ModelError when it is missing or
    broken.
    """
    return upgraded_about(_read_object(folder / RETORT, "a model folder has one"))


def read_comparison(folder: Path) -> dict[str, Any]:
    """A run folder's comparison.json, brought to today's schema: `task`, and of each arm `role` and `loader`.

    Raises ModelError when it is missing or broken.
    """
    return upgraded_comparison(_read_object(folder / COMPARISON, "a finished run has one"))


def recorded_task_of(folder: Path) -> Task:
    """The task of a run or model folder; the packaged one for a model folder that this program did not make.

    Raises ModelError when what the folder records is broken.
    """
    if (folder / COMPARISON).is_file():
        return recorded_task(read_comparison(folder)["task"], folder / COMPARISON)
    if (folder / RETORT).is_file():
        return recorded_task(read_about(folder)["task"], folder / RETORT)
    return default_task()


def require_task_of_run(folder: Path, run: Path) -> None:
    """Raises ModelError when the model in `folder` does not judge what the run around it does (see `Task.misfit`)."""
    if not (run / COMPARISON).is_file():
        return  # a run that was not finished records its task only with its models
    rated = read_about(folder).get("attributes", ()) if (folder / RETORT).is_file() else ()
    why = recorded_task_of(run).misfit(recorded_task_of(folder), rated)
    if why is not None:
        raise ModelError(f"{folder}: its task is not that of the run: {why}; take a whole copy of the run")


def _read_object(path: Path, what: str) -> dict[str, Any]:
    content = read_json(path, what)
    if not isinstance(content, dict):
        raise ModelError(f"{path}: not a JSON object; take a whole copy of the folder")
    return content


def sha256(path: Path) -> str:
    """The hex digest of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def data_sha256(path: Path) -> str:
    """As `sha256`, for a data file named by a user. Raises DataError when it cannot be read."""
    try:
        return sha256(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}); check the path") from error


def write_manifest(folder: Path) -> None:
    """The sha256 of every file below `folder` but the manifest itself, by relative path.

    Every file can then be read by whom the umask lets read: safetensors writes its files for their owner alone.
    """
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name not in (MANIFEST, PARTIAL))
    manifest = folder / MANIFEST
    write_json(manifest, {p.relative_to(folder).as_posix(): sha256(p) for p in files})
    usual = stat.S_IMODE(manifest.stat().st_mode)
    for path in files:
        mode = stat.S_IMODE(path.stat().st_mode)
        if mode | usual != mode:
            path.chmod(mode | usual)


def check_manifest(folder: Path) -> None:
    """Raises ModelError, naming the first file that is missing or differs from the manifest."""
    manifest = read_json(folder / MANIFEST, "a model folder has one")
    if not isinstance(manifest, dict):
        raise ModelError(f"{folder / MANIFEST}: not a list of files and digests; take a whole copy of the model folder")
    for name, digest in manifest.items():
        path = folder / name
        if not path.is_file():
            raise ModelError(f"{path}: named by {MANIFEST} but missing; take a whole copy of the model folder")
        if sha256(path) != digest:
            raise ModelError(f"{path}: changed since {MANIFEST} was written; take a whole copy of the model folder")
