"""The files of run and model folders: their names, how they are written whole, and where they came from.

A folder is written as `NAME.partial` and renamed when it is complete, so that a folder without that
ending can be trusted. `manifest.json` holds the sha256 of every other file of a model folder.
"""

import contextlib
import datetime
import errno
import hashlib
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from retort.errors import ConfigError, DataError, ModelError, ResourceError

# A run folder.
EXPERIMENT = "experiment.toml"
RUN = "run.json"
SPLITS = "splits.parquet"
COMMENTS = "comments.parquet"
COMPARISON = "comparison.json"
COMPARISON_TABLE = "comparison.md"
REPORT = "report.html"
PLOTS = "plots"

# An arm's folder in it, which is also a model folder.
MODEL_CARD = "README.md"
RETORT = "retort.json"
HISTORY = "history.jsonl"
PREDICTIONS = "predictions.parquet"
METRICS = "metrics.json"
MANIFEST = "manifest.json"
GOLDEN = "golden.json"
CALIBRATION = "calibration.json"
MERGED = "merged"
CONFIG = "config.json"
TOKENIZER = "tokenizer.json"

# What `retort export` makes of it, by default in a folder of this name below it.
ONNX = "onnx"
ONNX_MODEL = "model.onnx"

SPLIT_NAMES = ("train", "validation", "test")

_PACKAGES = (
    "accelerate", "numpy", "onnx", "onnxruntime", "pandas", "peft", "pyarrow", "safetensors",
    "scikit-learn", "scipy", "tokenizers", "torch", "transformers",
)  # fmt: skip


def is_writer() -> bool:
    """Whether this process writes and prints: of several that train together (torchrun) the first one alone does."""
    return os.environ.get("RANK", "0") == "0"


@contextlib.contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """A folder to fill, `FOLDER.partial`, which takes its real name when the block ends well.

    Left with an exception, the partial folder is removed. A foreign file in the way, a full disk or a
    missing permission is told in one line. Raises ConfigError when `folder` exists and is not empty.
    A process that is not the `writer` gets a folder that is thrown away.
    """
    if not is_writer():
        with tempfile.TemporaryDirectory(prefix="retort-") as scratch:
            yield Path(scratch)
        return
    refuse_existing(folder)
    partial = folder.with_name(folder.name + ".partial")
    try:
        if partial.exists():
            shutil.rmtree(partial)
        partial.mkdir(parents=True)
        yield partial
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    except BaseException as error:
        shutil.rmtree(partial, ignore_errors=True)
        if isinstance(error, OSError) and error.errno in (errno.ENOTDIR, errno.ENAMETOOLONG):
            raise ConfigError(f"{folder}: cannot be a folder ({error.strerror}); name another place") from error
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT):
            raise ResourceError(f"{folder}: {error.strerror}; free some space or name another place") from error
        # safetensors has a kind of its own for what the system told it.
        if f"(os error {errno.ENOSPC})" in str(error):
            raise ResourceError(f"{folder}: no space left on device; free some space or name another place") from error
        raise


def refuse_existing(folder: Path) -> None:
    """Raises ConfigError when `folder` is there and holds anything, ResourceError when it cannot be made."""
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise ConfigError(f"{folder}: is there already and not empty; name another folder with --out")


def write_json(path: Path, content: Any) -> None:
    """One JSON document, indented, without NaN (a number that is missing is null)."""
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")


def read_json(path: Path, what: str) -> Any:
    """A JSON document. Raises ModelError saying `what` was looked for, when it is missing or broken."""
    try:
        return json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror}); {what}") from error
    except ValueError as error:
        raise ModelError(f"{path}: not valid JSON ({error}); {what}") from error


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
    """The sha256 of every file below `folder` but the manifest itself, by relative path."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)
    write_json(folder / MANIFEST, {p.relative_to(folder).as_posix(): sha256(p) for p in files})


def check_manifest(folder: Path) -> None:
    """Raises ModelError, naming the first file that is missing or not as the manifest says."""
    manifest = read_json(folder / MANIFEST, "a model folder has one")
    if not isinstance(manifest, dict):
        raise ModelError(f"{folder / MANIFEST}: not a list of files and digests; take a whole copy of the model folder")
    for name, digest in manifest.items():
        path = folder / name
        if not path.is_file():
            raise ModelError(f"{path}: named by {MANIFEST} but missing; take a whole copy of the model folder")
        if sha256(path) != digest:
            raise ModelError(f"{path}: changed since {MANIFEST} was written; take a whole copy of the model folder")


def utc_now() -> str:
    """The time now as ISO 8601 in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def provenance() -> dict[str, Any]:
    """What made a run: versions, commit (clean or dirty), machine. Nothing about who or where."""
    return {
        "retort": importlib.metadata.version("retort-nlp"),
        "python": platform.python_version(),
        "packages": dict(_versions()),
        "commit": _commit(),
        "machine": {"system": platform.system(), "processor": _processor(), "cores": os.cpu_count()},
    }


def _versions() -> Iterator[tuple[str, str]]:
    for name in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            yield name, importlib.metadata.version(name)


def _commit() -> Mapping[str, Any] | None:
    """The commit of the source tree that runs, when it is one."""
    here = Path(__file__).resolve().parent

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(here), *arguments], capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        # An installed copy may lie inside some other project's repository.
        if not git("ls-files", "--", str(here / "runs.py")):
            return None
        return {"id": git("rev-parse", "HEAD"), "dirty": bool(git("status", "--porcelain"))}
    except (OSError, subprocess.SubprocessError):
        return None


def _processor() -> str:
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
