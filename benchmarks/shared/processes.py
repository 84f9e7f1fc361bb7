"""Measuring in turns: calls and processes of two sides, their memory, and the load of other programs meanwhile."""

import contextlib
import json
import math
import os
import random
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import psutil

from benchmarks.shared import results
from benchmarks.shared.script import note
from retort.bench.other_load import OtherLoad
from retort.errors import RunError

ROOT = Path(__file__).resolve().parents[2]
USUAL_WAY = ROOT / "benchmarks" / "training" / "usual_way.py"
_SHOWN_LINES = 15
# Above this share of other load, times are unreliable.
_BUSY = 0.05


def alternated(sides: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """The measurements that each side returns, `rounds` times, in turns.

    Every second round runs backwards, so that no side always follows the same one.
    """
    measured: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds):
        for name in list(sides)[:: -1 if turn % 2 else 1]:
            measured[name].append(sides[name]())
            note(f"round {turn + 1} of {rounds}: {name}: {results.number(measured[name][-1])}")
    return measured


def in_turns(
    calls: Sequence[Callable[[str], object]], texts: Sequence[str], pause: float, randomness: random.Random
) -> list[list[float]]:
    """Seconds of each call for each text, one list per entry of `calls`, in an order drawn for each text.

    pause: seconds before every call, in which the other side's threads stop spinning.
    """
    seconds: list[list[float]] = [[] for _ in calls]
    for text in texts:
        for which in randomness.sample(range(len(calls)), len(calls)):
            time.sleep(pause)
            began = time.perf_counter()
            calls[which](text)
            seconds[which].append(time.perf_counter() - began)
    return seconds


def timed(command: Sequence[str | Path], log: Path) -> float:
    """Seconds of a whole process. Its output goes to `log`. Raises RunError with its last lines when it fails."""
    with log.open("wb") as output:
        began = time.perf_counter()
        ended = subprocess.run(
            [str(part) for part in command], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT,
            check=False,
        )  # fmt: skip
        seconds = time.perf_counter() - began
    if ended.returncode:
        last = " / ".join(log.read_text("utf-8", "replace").split("\n")[-_SHOWN_LINES:]).strip()
        shown = " ".join(Path(part).name if os.sep in str(part) else str(part) for part in command[:4])
        raise RunError(f"{shown} ended with {ended.returncode}: {last}")
    return seconds


def retort(*arguments: str | Path) -> list[str | Path]:
    """The command as a user starts it."""
    command = Path(sys.executable).with_name("retort")
    return [command, *arguments] if command.is_file() else [sys.executable, "-m", "retort", *arguments]


def usual_way(job: str, settings: Mapping[str, Any], out: Path) -> tuple[float, dict[str, Any]]:
    """Runs usual_way.py as a process, with the folder `out` emptied first; its seconds and its result.

    job: train or score. settings: see usual_way.TRAINING and SCORING; `out` is added.
    """
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    file = out / "settings.json"
    file.write_text(json.dumps({**settings, "out": out}, default=str), "utf-8")
    seconds = timed([sys.executable, USUAL_WAY, job, file], out / "log")
    result: dict[str, Any] = json.loads((out / "result.json").read_text("utf-8"))
    return seconds, result


def peak_bytes(process: int | str = "self") -> float:
    """Peak resident memory of a process, by its id; NaN where the system does not report it.

    Unlike `ru_maxrss` it excludes the process that started it.
    """
    with contextlib.suppress(OSError):
        if found := re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{process}/status").read_text()):
            return float(found[1]) * 1024
    return math.nan


def other_load() -> OtherLoad:
    """The load of programs other than this process and its ended children."""

    def own_seconds() -> float:
        used = psutil.Process().cpu_times()
        return float(used.user + used.system + used.children_user + used.children_system)

    return OtherLoad(own_seconds)


def load_row(share: float) -> results.Row:
    """The row for the load of other programs, with a warning where it makes times unreliable."""
    warning = f", over {results.percent(_BUSY)}: measure again when the machine is idle" if share > _BUSY else ""
    return results.figure("other programs' share of the machine", f"{results.percent(share)}{warning}")
