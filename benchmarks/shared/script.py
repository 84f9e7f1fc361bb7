"""The command line of every benchmark: options, sizes, scratch folder, output and exit code."""

import argparse
import contextlib
import json
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from benchmarks.shared import results
from retort.errors import INTERRUPTED, RetortError
from retort.machine import usable_cores
from retort.provenance import provenance, utc_now

_TERMINATED = 143

# Of a script's option: its default, its value with --quick, and its help.
Size = tuple[int, int, str]


def parser(about: str | None, **sizes: Size) -> argparse.ArgumentParser:
    """Options of every script, for `parsed`. about: its docstring; sizes: further options with a whole number."""
    quick = ", ".join(f"{name.replace('_', ' ')} {small}" for name, (_, small, _) in sizes.items())
    options = argparse.ArgumentParser(
        prog=f"python -m {getattr(sys.modules['__main__'].__spec__, 'name', Path(sys.argv[0]).stem)}",
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    options.add_argument("--json", action="store_true", help="print JSON instead of the table")
    options.add_argument("--quick", action="store_true", help=f"smoke test, without meaningful figures: {quick}")
    options.add_argument("--seed", type=int, default=0, metavar="N", help="of all random choices [0]")
    for name, (full, _, explained) in sizes.items():
        options.add_argument(f"--{name.replace('_', '-')}", type=positive, metavar="N", help=f"{explained} [{full}]")
    options.set_defaults(sizes=sizes)
    return options


def parsed(options: argparse.ArgumentParser) -> argparse.Namespace:
    """The command line. A size that it does not name gets its default, or its smaller one with --quick."""
    given = options.parse_args()
    for name, (full, quick, _) in vars(given).pop("sizes").items():
        if getattr(given, name) is None:
            setattr(given, name, quick if given.quick else full)
    return given


def positive(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: give a number of at least 1")
    return value


def note(line: str) -> None:
    """Progress, to stderr."""
    print(line, file=sys.stderr, flush=True)


def finish(
    given: argparse.Namespace,
    rows: Sequence[results.Row],
    *,
    data: str = "",
    notes: Sequence[str] = (),
    figures: Mapping[str, Any] | None = None,
) -> int:
    """Prints the result and returns the exit code. data: which comments were read."""
    if given.json:
        content = {
            "benchmark": Path(sys.argv[0]).stem,
            "time": utc_now(),
            "data": data,
            # Only the names of paths, so that results can be published.
            "settings": {key: value.name if isinstance(value, Path) else value for key, value in vars(given).items()},
            "cores": usable_cores(),
            "rows": [row.as_json() for row in rows],
            "notes": list(notes),
            "figures": results.without_nan(dict(figures or {})),
            "provenance": provenance(),
        }
        print(json.dumps(content, indent=1, allow_nan=False))
    else:
        print(results.table(rows), *(f"- {line}" for line in (data, *notes) if line), sep="\n")
    return results.exit_code(rows)


def run(main: Callable[[], int]) -> NoReturn:
    """Runs a script's `main`; an error becomes one line and retort's exit code."""
    limit_cores()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    try:
        sys.exit(main())
    except RetortError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("error: interrupted; nothing was written", file=sys.stderr)
        sys.exit(INTERRUPTED)


def limit_cores() -> None:
    """Limits this process and its children to as many cores as OMP_NUM_THREADS says.

    torch respects that variable, onnxruntime does not: the two sides would have different numbers of cores.
    """
    requested = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if requested.isdecimal() and int(requested) and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(requested)])


@contextlib.contextmanager
def scratch_dir(kept: Path | None = None) -> Iterator[Path]:
    """The folder `kept`, created if necessary; without one a temporary folder."""
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="retort-bench-") as folder:
        yield Path(folder)
