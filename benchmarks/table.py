"""The whole table of speed: every CPU script, one after the other, with its plot.

`make bench` runs a quarter of the sizes (about 20 minutes on two cores), `make bench-full` (--full) the full ones.
Run it on an idle machine. A script that fails is told, and the others go on. Written to --out: results.json with every
measurement, its machine, versions and commit, and results.svg, results.png and results-dark.png.

Exit code 6 when a goal is missed or was not measured.

Example: python benchmarks/table.py --full
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import serving
import side_comments
import side_script
import sides

from retort import runs
from retort.errors import ConfigError

HERE = Path(__file__).resolve().parent
RESULTS = "results.json"
PLOT = "results"
_TAIL = 5


@dataclass(frozen=True)
class Script:
    """A script: what it is always asked, what further for a quarter of the sizes, and what for the full ones."""

    name: str
    always: tuple[str, ...] = ()
    quarter: tuple[str, ...] = ()
    full: tuple[str, ...] = ()
    # Whether it takes --folder, where it finds the models that a script before it made.
    shares_models: bool = True

    def options(self, *, full: bool, quick: bool) -> list[str]:
        """What is asked of it, beside --json."""
        return [*self.always, *(("--quick",) if quick else self.full if full else self.quarter)]


SCRIPTS = (
    Script("train_compare", ("--base", "minilm"), ("--comments", "500")),
    Script("train_compare", ("--base", "bert"), ("--comments", "125")),
    Script("train_flops", (), ("--comments", "128", "--rounds", "2")),
    Script("score_file", (), ("--comments", "160", "--rounds", "2")),
    Script("int8_rate", (), ("--comments", "500")),
    Script("one_comment", (), ("--rounds", "75")),
    Script("cold_start", (), ("--rounds", "5")),
    Script("score_memory", (), ("--rows", "250000"), shares_models=False),
)


@dataclass(frozen=True)
class Result:
    """What one script said, or why it said nothing."""

    command: str
    seconds: float
    rows: tuple[sides.Row, ...]
    told: dict[str, Any] | None
    failed: str = ""


def main() -> int:
    given = _parsed()
    chosen = [script for script in SCRIPTS if not given.only or script.name in given.only]
    given.out.mkdir(parents=True, exist_ok=True)
    where = side_comments.source().origin
    serving.note(f"{where}; {'full size' if given.full else 'toy size' if given.quick else 'a quarter of the size'}")
    with side_script.workshop(given) as folder:
        results = [measured(script, script.options(full=given.full, quick=given.quick), folder) for script in chosen]
    rows = [row for result in results for row in result.rows]
    size = "full" if given.full else "quick" if given.quick else "quarter"
    write_results(given.out, size, where, results)
    print(sides.table(rows))
    print(f"- {where}")
    for result in results:
        for line in (result.told or {}).get("notes", []):
            print(f"- {result.command}: {line}")
    print(f"- written: {given.out / RESULTS}, {given.out / f'{PLOT}.svg'}")
    return sides.verdict(rows)


def measured(script: Script, options: Sequence[str], folder: Path) -> Result:
    """Runs a script as a process and reads what it says; a script that fails becomes a row that says so."""
    further = ["--folder", str(folder)] if script.shares_models else []
    shown = " ".join([f"{script.name}.py", *options])
    serving.note(f"--- {shown}")
    began = time.perf_counter()
    path = HERE / f"{script.name}.py"
    if not path.is_file():
        return failed(shown, 0.0, "there is no such script")
    ended = subprocess.run(
        [sys.executable, str(path), "--json", *options, *further],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None,
        text=True,
        check=False,
    )
    seconds = time.perf_counter() - began
    if ended.returncode not in (0, serving.MISSED):
        return failed(shown, seconds, f"ended with {ended.returncode}")
    try:
        told = json.loads(ended.stdout)
        return Result(shown, seconds, rows_of(told), told)
    except (ValueError, KeyError, TypeError) as error:
        # A goal missed and a run that failed have one exit code; only the first comes with a result.
        return failed(shown, seconds, f"ended with {ended.returncode} and no result ({type(error).__name__})")


def failed(shown: str, seconds: float, why: str) -> Result:
    """A script without a result: its goals are not met, for nobody knows."""
    serving.note(f"{shown} failed: {why}")
    row = sides.Row(shown, "not measured", why, met=False)
    return Result(shown, seconds, (row,), None, why)


def rows_of(told: dict[str, Any]) -> tuple[sides.Row, ...]:
    """A script's rows; those of the scripts that print goal and measured alone are read from their words."""
    if "rows" in told:
        return tuple(sides.Row.from_json(row) for row in told["rows"])
    rows = []
    for check in told["checks"]:
        limit, value = first_number(check["goal"]), first_number(check["measured"])
        ratio = check["met"] is not None and limit and value is not None
        rows.append(
            sides.Row(
                check["what"] if check["met"] is not None else f"  {check['what']}",
                check["measured"],
                check["goal"],
                check["met"],
                value if ratio else None,
                limit if ratio else None,
                not check["goal"].startswith("<"),
            )
        )
    return tuple(rows)


def first_number(text: str) -> float | None:
    """The first number in a text such as `<= 1.1 x`."""
    found = re.search(r"\d[\d,]*(?:\.\d+)?", text)
    return float(found[0].replace(",", "")) if found else None


def write_results(out: Path, size: str, where: str, results: Sequence[Result]) -> None:
    """results.json and the plot; each file takes its name when it is whole."""
    from benchmark_plot import draw

    told = {
        "schema": 1,
        "time": runs.utc_now(),
        "size": size,
        "data": where,
        "provenance": runs.provenance(),
        "scripts": [
            {
                "command": result.command,
                "seconds": round(result.seconds, 1),
                "failed": result.failed or None,
                "rows": [row.as_json() for row in result.rows],
                "notes": (result.told or {}).get("notes", []),
                "figures": (result.told or {}).get("figures", {}),
            }
            for result in results
        ],
    }
    drawn = draw([row for result in results for row in result.rows])
    contents = {RESULTS: (json.dumps(told, indent=1, allow_nan=False) + "\n").encode()}
    contents |= {f"{PLOT}{ending}": content for ending, content in drawn.items()}
    with tempfile.TemporaryDirectory(dir=out, prefix=".results-") as scratch:
        for name, content in contents.items():
            (Path(scratch) / name).write_bytes(content)
        for name in contents:
            (Path(scratch) / name).replace(out / name)


def _parsed() -> argparse.Namespace:
    first, _, rest = (__doc__ or "").partition("\n")
    options = argparse.ArgumentParser(description=first, epilog=rest.strip())
    options.formatter_class = argparse.RawDescriptionHelpFormatter
    size = options.add_mutually_exclusive_group()
    size.add_argument("--full", action="store_true", help="the sizes that the goals are for")
    size.add_argument("--quick", action="store_true", help="toy sizes, whose figures mean nothing: does it all run?")
    options.add_argument("--out", type=Path, default=HERE, metavar="DIR", help="where results go [benchmarks]")
    options.add_argument("--only", action="append", metavar="SCRIPT", help="of these scripts; repeatable")
    options.add_argument("--folder", type=Path, metavar="DIR", help="where models are made and kept [temporary]")
    given = options.parse_args()
    unknown = set(given.only or ()) - {script.name for script in SCRIPTS}
    if unknown:
        known = ", ".join(dict.fromkeys(script.name for script in SCRIPTS))
        raise ConfigError(f"--only {min(unknown)}: no such script; there are {known}")
    return given


if __name__ == "__main__":
    side_script.ended(main)
