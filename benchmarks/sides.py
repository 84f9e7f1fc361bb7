"""What the side-by-side benchmarks share: turns, medians, goals, and the table.

A ratio is that of two medians, and both medians come from measurements that took turns in one run.
"""

import argparse
import dataclasses
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import serving

from retort import runs
from retort.bench.bystanders import Bystanders
from retort.errors import RunError

_TAIL = 15
# With more of the machine in other programs' hands, times mean nothing.
_QUIET = 0.05


# ---------------------------------------------------------------------------------------------- results


@dataclass(frozen=True)
class Side:
    """One side's measurements, all of one unit: s, ms, comments/s, or whatever it says."""

    name: str
    values: tuple[float, ...]
    unit: str = "s"

    @property
    def median(self) -> float:
        """NaN of no measurement."""
        return serving.middle(self.values)

    def __str__(self) -> str:
        unit = self.unit if math.isfinite(self.median) else ""
        return " ".join(part for part in (self.name, number(self.median), unit) if part)


@dataclass(frozen=True)
class Row:
    """One line of the table. met: None for a figure that has no goal. value, limit: of a ratio, for drawing it."""

    what: str
    measured: str
    goal: str = ""
    met: bool | None = None
    value: float | None = None
    limit: float | None = None
    at_least: bool = True
    sides: tuple[Side, ...] = ()

    @property
    def medians(self) -> str:
        """Both sides in words."""
        return ", ".join(str(side) for side in self.sides)

    def as_json(self) -> dict[str, Any]:
        """For programs; a number that is none is null."""
        told: dict[str, Any] = _without_nan(
            dataclasses.asdict(self) | {"medians": [side.median for side in self.sides]}
        )
        return told

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> "Row":
        """The row of which `as_json` told."""
        both = (
            Side(side["name"], tuple(math.nan if one is None else one for one in side["values"]), side["unit"])
            for side in told["sides"]
        )
        return cls(**{key: value for key, value in told.items() if key != "medians"} | {"sides": tuple(both)})


def times_faster(what: str, ours: Side, theirs: Side, goal: float) -> Row:
    """Sides that took seconds: how many times longer theirs did, and whether that is at least `goal`."""
    value = _quotient(theirs.median, ours.median)
    return _ratio(what, value, goal, True, times(value), f">= {times(goal)}", ours, theirs)


def times_the_rate(what: str, ours: Side, theirs: Side, goal: float | None) -> Row:
    """Sides that say how much they do in a second: how many times as much ours does; no goal, no verdict."""
    value = _quotient(ours.median, theirs.median)
    if goal is None:
        return Row(what, times(value), sides=(ours, theirs))
    return _ratio(what, value, goal, True, times(value), f">= {times(goal)}", ours, theirs)


def share_of_the_rate(what: str, ours: Side, ceiling: Side, goal: float | None) -> Row:
    """What share (0 to 1) of a ceiling is reached.

    A ceiling is the highest rate of all rounds, not their median: whatever disturbs a matrix product makes it slower,
    and a ceiling that was disturbed would flatter us.
    """
    highest = Side(f"{ceiling.name}, highest of {len(ceiling.values)}", (max(ceiling.values, default=math.nan),))
    highest = dataclasses.replace(highest, unit=ceiling.unit)
    value = _quotient(ours.median, highest.median)
    if goal is None:
        return Row(what, percent(value), sides=(ours, highest))
    return _ratio(what, value, goal, True, percent(value), f">= {percent(goal)}", ours, highest)


def share_of_the_time(what: str, ours: Side, theirs: Side, goal: float) -> Row:
    """What share of their time ours takes, and whether that is at most `goal`."""
    value = _quotient(ours.median, theirs.median)
    return _ratio(what, value, goal, False, times(value), f"<= {times(goal)}", ours, theirs)


def figure(what: str, measured: float | str, unit: str = "", sides: Sequence[Side] = ()) -> Row:
    """A figure that is told, and that nothing hangs on."""
    said = measured if isinstance(measured, str) else " ".join(part for part in (number(measured), unit) if part)
    return Row(what, said, sides=tuple(sides))


def required(what: str, measured: str, goal: str, met: bool, sides: Sequence[Side] = ()) -> Row:
    """A condition that is no ratio: equal quality, for example."""
    return Row(what, measured, goal, met, sides=tuple(sides))


def _ratio(
    what: str, value: float, limit: float, at_least: bool, measured: str, goal: str, ours: Side, theirs: Side
) -> Row:
    # NaN compares as false, so it meets no goal.
    met = value >= limit if at_least else value <= limit
    return Row(what, measured, goal, met, value, limit, at_least, (ours, theirs))


def _quotient(above: float, below: float) -> float:
    return above / below if below else math.nan


def number(value: float) -> str:
    """Three digits that count, no more."""
    if not math.isfinite(value):
        return "not measured"
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def times(ratio: float) -> str:
    """A ratio."""
    return f"{number(ratio)} x" if math.isfinite(ratio) else "not measured"


def percent(share: float) -> str:
    """A share of 0 to 1."""
    return f"{100 * share:.1f} %".replace(".0 %", " %") if math.isfinite(share) else "not measured"


def table(rows: Sequence[Row]) -> str:
    """`what | goal | measured | medians | met`, in columns."""
    words = {True: "yes", False: "NO", None: ""}
    cells = [("what", "goal", "measured", "medians", "met")]
    cells += [(row.what, row.goal, row.measured, row.medians, words[row.met]) for row in rows]
    widths = [max(len(line[column]) for line in cells) for column in range(5)]
    lines = [" | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in cells]
    return "\n".join([lines[0], "-+-".join("-" * width for width in widths), *lines[1:]])


def verdict(rows: Sequence[Row]) -> int:
    """The exit code: 0 when every goal is met."""
    return serving.MISSED if any(row.met is False for row in rows) else 0


def tell(
    given: argparse.Namespace,
    rows: Sequence[Row],
    *,
    data: str,
    notes: Sequence[str] = (),
    figures: Mapping[str, Any] | None = None,
) -> int:
    """Prints the result with where it comes from, and returns the exit code. data: which comments they were."""
    if given.json:
        settings = {name: str(value) if isinstance(value, Path) else value for name, value in vars(given).items()}
        told = {
            "benchmark": Path(sys.argv[0]).stem,
            "time": runs.utc_now(),
            "data": data,
            "settings": settings,
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "rows": [row.as_json() for row in rows],
            "notes": list(notes),
            "figures": _without_nan(dict(figures or {})),
            "provenance": runs.provenance(),
        }
        print(json.dumps(told, indent=1, allow_nan=False))
    else:
        print(table(rows))
        print("\n".join(f"- {line}" for line in (data, *notes)))
    return verdict(rows)


def _without_nan(content: Any) -> Any:
    if isinstance(content, float) and not math.isfinite(content):
        return None
    if isinstance(content, Mapping):
        return {str(key): _without_nan(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_without_nan(value) for value in content]
    return content


# ------------------------------------------------------------------------------------------------ turns


def alternated(sides: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, list[float]]:
    """What every side measured of itself, `rounds` times, in turns.

    Every second round goes backwards, so that neither side always has the machine as the other left it.
    """
    measured: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(rounds):
        for name in list(sides)[:: -1 if turn % 2 else 1]:
            measured[name].append(sides[name]())
            serving.note(f"round {turn + 1} of {rounds}: {name}: {number(measured[name][-1])}")
    return measured


def seconds_of(call: Callable[[], object]) -> float:
    """How long a call takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def timed(command: Sequence[str | Path], log: Path) -> float:
    """Seconds from the start to the end of a process, whose output goes to the file `log`.

    Raises RunError with the end of what it said when it fails.
    """
    with log.open("wb") as output:
        began = time.perf_counter()
        ended = subprocess.run(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(),
            check=False,
        )
        seconds = time.perf_counter() - began
    if ended.returncode:
        said = " / ".join(log.read_text("utf-8", "replace").split("\n")[-_TAIL:]).strip()
        shown = " ".join(Path(part).name if os.sep in str(part) else str(part) for part in command[:4])
        raise RunError(f"{shown} ended with {ended.returncode}: {said}")
    return seconds


def retort(*arguments: str | Path) -> list[str | Path]:
    """The command as a user starts it."""
    command = Path(sys.executable).with_name("retort")
    return [command, *arguments] if command.is_file() else [sys.executable, "-m", "retort", *arguments]


def usual_way(*arguments: str | Path) -> list[str | Path]:
    """What people do today, as a process (usual_way.py)."""
    return [sys.executable, Path(__file__).with_name("usual_way.py"), *arguments]


def environment() -> dict[str, str]:
    """Of the processes of both sides: all models are on disk, so that nobody waits for a network."""
    return dict(os.environ) | {"HF_HUB_OFFLINE": "1"}


def watched() -> Bystanders:
    """How much of the machine neither this process nor its ended children use."""

    def own_seconds() -> float:
        used = psutil.Process().cpu_times()
        return float(used.user + used.system + used.children_user + used.children_system)

    return Bystanders(own_seconds)


def bystanders(share: float) -> Row:
    """The line that says how quiet the machine was, and whether that was quiet enough for figures to mean anything."""
    loud = f", over {percent(_QUIET)}: measure again when they are done" if share > _QUIET else ""
    return figure("other programs' share of the machine", f"{percent(share)}{loud}")
