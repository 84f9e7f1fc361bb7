"""All side-by-side CPU benchmarks, one after the other, with a plot of their ratios.

`make bench` runs a quarter of the sizes, `make bench-full` (--full) the full ones. When a script fails, the others
still run. Writes results.json (all measurements, machine, versions, commit), results.svg, results.png and
results-dark.png to --out. Exit code 6 when a goal is missed or was not measured.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.shared import comments, plot, results, script
from benchmarks.shared.processes import ROOT
from retort.errors import ConfigError
from retort.provenance import provenance, utc_now

RESULTS, PLOT = "results.json", "results"


@dataclass(frozen=True)
class Script:
    """A benchmark: its module, the options it always gets, and those for a quarter of the sizes."""

    module: str
    always: tuple[str, ...] = ()
    quarter: tuple[str, ...] = ()
    # Whether it takes --folder, where it finds the models of the scripts before it.
    shares_models: bool = True

    def options(self, size: str) -> list[str]:
        """Options for the size full, quarter or quick."""
        return [*self.always, *{"quick": ("--quick",), "quarter": self.quarter, "full": ()}[size]]


SCRIPTS = (
    Script("training.compare", ("--base", "minilm"), ("--comments", "500")),
    Script("training.compare", ("--base", "bert"), ("--comments", "125")),
    Script("training.flops", (), ("--comments", "128", "--rounds", "2")),
    Script("scoring.file", (), ("--comments", "160", "--rounds", "2")),
    Script("scoring.int8_rate", (), ("--comments", "500")),
    Script("scoring.one_comment", (), ("--rounds", "75")),
    Script("scoring.cold_start", (), ("--rounds", "5")),
    Script("scoring.memory", (), ("--rows", "250000"), shares_models=False),
)


def main() -> int:
    given = _parsed()
    size = "full" if given.full else "quick" if given.quick else "quarter"
    data = comments.source().origin
    script.note(f"{data}; size: {size}")
    given.out.mkdir(parents=True, exist_ok=True)
    with script.scratch_dir(given.folder) as folder:
        found = [measured(one, size, folder) for one in SCRIPTS if not given.only or one.module in given.only]
    rows = [results.Row.from_json(row) for one in found for row in one["rows"]]
    write_results(given.out, size, data, found, rows)
    notes = [f"- {one['command']}: {line}" for one in found for line in one["notes"]]
    print(results.table(rows), f"- {data}", *notes, sep="\n")
    print(f"- written: {given.out / RESULTS}, {given.out / f'{PLOT}.svg'}")
    return results.exit_code(rows)


def measured(one: Script, size: str, folder: Path) -> dict[str, Any]:
    """Runs a script as a process; its entry in results.json. One that fails gives a row with a missed goal."""
    options = one.options(size)
    shown = " ".join([one.module, *options])
    script.note(f"--- {shown}")
    shared = ["--folder", str(folder)] if one.shares_models else []
    command = [sys.executable, "-m", f"benchmarks.{one.module}", "--json", *options, *shared]
    began = time.perf_counter()
    ended = subprocess.run(
        command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, check=False
    )  # fmt: skip
    entry = {"command": shown, "seconds": round(time.perf_counter() - began, 1)}
    try:
        # A missed goal and a failed run share an exit code; only the former prints a result.
        content = json.loads(ended.stdout if ended.returncode in (0, results.MISSED) else "")
        return entry | {"failed": None} | {key: content[key] for key in ("rows", "notes", "figures")}
    except (ValueError, KeyError, TypeError):
        why = f"ended with {ended.returncode} and no result"
        script.note(f"{shown} failed: {why}")
        row = results.Row(shown, results.NOT_MEASURED, why, met=False)
        return entry | {"failed": why, "rows": [row.as_json()], "notes": [], "figures": {}}


def write_results(
    out: Path, size: str, data: str, scripts: Sequence[dict[str, Any]], rows: Sequence[results.Row]
) -> None:
    """Writes results.json and the plot; every file is renamed into place when all are complete."""
    head = {"schema": 1, "time": utc_now(), "size": size, "data": data, "provenance": provenance()}
    content = json.dumps(head | {"scripts": scripts}, indent=1, allow_nan=False) + "\n"
    files = {RESULTS: content.encode()} | {f"{PLOT}{ending}": drawn for ending, drawn in plot.draw(rows).items()}
    with tempfile.TemporaryDirectory(dir=out, prefix=".results-") as scratch:
        for name, whole in files.items():
            (Path(scratch) / name).write_bytes(whole)
        for name in files:
            (Path(scratch) / name).replace(out / name)


def _parsed() -> argparse.Namespace:
    options = argparse.ArgumentParser(
        prog="python -m benchmarks.table", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )  # fmt: skip
    size = options.add_mutually_exclusive_group()
    size.add_argument("--full", action="store_true", help="the sizes of the goals")
    size.add_argument("--quick", action="store_true", help="smoke test, without meaningful figures")
    out = ROOT / "benchmarks"
    options.add_argument("--out", type=Path, default=out, metavar="DIR", help="folder of the results [benchmarks]")
    options.add_argument("--only", action="append", metavar="SCRIPT", help="run this one; repeatable")
    options.add_argument("--folder", type=Path, metavar="DIR", help="keeps models and files [temporary]")
    given = options.parse_args()
    known = list(dict.fromkeys(one.module for one in SCRIPTS))
    for name in given.only or ():
        if name not in known:
            raise ConfigError(f"--only {name}: no such script; there are {', '.join(known)}")
    return given


if __name__ == "__main__":
    script.run(main)
