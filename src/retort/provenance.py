"""Where a run, a model or a figure comes from: versions, commit, machine and time."""

import contextlib
import datetime
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from retort.extras import DISTRIBUTION

_PACKAGES = (
    "accelerate", "numpy", "onnx", "onnxruntime", "pandas", "peft", "pyarrow", "safetensors",
    "scikit-learn", "scipy", "tokenizers", "torch", "transformers",
)  # fmt: skip


def version() -> str:
    """The installed version of retort."""
    return importlib.metadata.version(DISTRIBUTION)


def utc_now() -> str:
    """The time now as ISO 8601 in UTC, to the second."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def provenance() -> dict[str, Any]:
    """Versions, commit (clean or dirty) and machine; neither user nor host name."""
    return {
        "retort": version(),
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
    """The commit of the source tree; None for an installed copy."""
    here = Path(__file__).resolve()

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", "-C", str(here.parent), *arguments], capture_output=True, text=True, check=True, timeout=10
        ).stdout.strip()

    try:
        # An installed copy may be inside another project's repository.
        if not git("ls-files", "--", str(here)):
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
