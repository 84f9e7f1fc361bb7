"""The command line as a test calls it: in this process, or in one of its own where signals and pipes matter."""

import contextlib
import io
import json
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from retort.cli import main
from retort.config import TrainingSettings
from retort.training.objective import distillation_settings

# Small enough for seconds, fast enough a rate that something is learnt; fp32, because no other test's engine is bf16.
# All that a preset chooses by experiment is set, so that no test hangs on what was best for other models.
_FITTED = {
    "teacher": {"epochs": 8, "learning_rate": 5e-3, "batch_size": 8},
    "student": {"epochs": 3, "learning_rate": 5e-3, "batch_size": 8},
    "lora_training": {"epochs": 4, "learning_rate": 3e-2, "batch_size": 8},
    "static_training": {"epochs": 6, "learning_rate": 3e-2, "batch_size": 8},
}
_DEFAULTS = TrainingSettings().model_dump(mode="json")
SETTINGS: dict[str, object] = {
    "precision": "fp32",
    "evaluation.ece_samples": 100,
    "evaluation.latency_comments": 3,
    **{f"{table}.{key}": value for table, own in _FITTED.items() for key, value in (_DEFAULTS | own).items()},
    **{f"distillation.{key}": value for key, value in distillation_settings()().model_dump(mode="json").items()},
}
QUICK = tuple(
    part for key, value in SETTINGS.items() for part in ("--set", f"{key}={json.dumps('' if value is None else value)}")
)


@dataclass(frozen=True)
class Finished:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The one line that begins with `error: `, which is the last one."""
        lines = [line for line in self.err.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, f"not one error line but {len(lines)}:\n{self.err}"
        assert self.err.splitlines()[-1] == lines[0], f"the error is not the last line:\n{self.err}"
        assert "Traceback" not in self.err, self.err
        return lines[0]


class _Typed(io.TextIOWrapper):
    """Standard input that is, or is not, a terminal."""

    terminal = False

    def isatty(self) -> bool:
        return self.terminal


def retort(*arguments: str | Path, stdin: bytes = b"", terminal: bool = False) -> Finished:
    """`retort ARGUMENTS` in this process."""
    out, err = io.StringIO(), io.StringIO()
    typed = _Typed(io.BytesIO(stdin))
    typed.terminal = terminal
    code: object = 0
    before = signal.getsignal(signal.SIGTERM)
    with (
        mock.patch.object(sys, "argv", ["retort", *map(str, arguments)]),
        mock.patch.object(sys, "stdin", typed),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        warnings.catch_warnings(),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
        finally:
            signal.signal(signal.SIGTERM, before)
    assert isinstance(code, int)
    return Finished(code, out.getvalue(), err.getvalue())


def in_its_own_process(
    *arguments: str | Path, stdin: bytes = b"", environment: Mapping[str, str | None] | None = None
) -> Finished:
    """`python -m retort ARGUMENTS`; None in `environment` takes a variable away."""
    ended = subprocess.run(
        command(*arguments), input=stdin, capture_output=True, env=changed(environment or {}), timeout=120, check=False
    )
    return Finished(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def command(*arguments: str | Path) -> list[str]:
    """What starts retort in a process of its own."""
    return [sys.executable, "-m", "retort", *map(str, arguments)]


def changed(environment: Mapping[str, str | None]) -> dict[str, str]:
    """This process's environment with some variables set and some (None) taken away."""
    whole = {**os.environ, **environment}
    return {name: value for name, value in whole.items() if value is not None}


def without_report() -> contextlib.AbstractContextManager[object]:
    """Plots take longer than tiny trainings: tests of the stages before them leave them out."""
    return mock.patch("retort.recipes.compare.write_report")
