"""The command line of the side-by-side benchmarks: options, where files go, and how a script ends."""

import argparse
import contextlib
import os
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NoReturn

from retort.errors import INTERRUPTED, RetortError

_TERMINATED = 143


def parser(about: str, quick: str, *, rounds: int) -> argparse.ArgumentParser:
    """The options of every script; `about` is its docstring, `quick` what --quick does less of."""
    first, _, rest = about.partition("\n")
    options = argparse.ArgumentParser(description=first, epilog=rest.strip())
    options.formatter_class = argparse.RawDescriptionHelpFormatter
    options.add_argument("--json", action="store_true", help="print JSON instead of the table")
    options.add_argument("--quick", action="store_true", help=f"a short try, whose figures mean nothing: {quick}")
    options.add_argument("--seed", type=int, default=0, metavar="N", help="of everything that is drawn [0]")
    options.add_argument("--rounds", type=positive, default=rounds, metavar="N", help=f"turns of each side [{rounds}]")
    options.add_argument(
        "--folder", type=Path, metavar="DIR", help="where models and files are made, kept and found again [temporary]"
    )
    return options


def positive(text: str) -> int:
    """A whole number of at least 1, for argparse."""
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text}: give a number of at least 1")
    return value


def ended(main: Callable[[], int]) -> NoReturn:
    """Runs a script's `main` and turns what went wrong into one line and retort's exit codes."""
    # Read when huggingface_hub is first imported; without it a load that misses a file waits for a network.
    os.environ["HF_HUB_OFFLINE"] = "1"
    keep_to_same_cores()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    try:
        sys.exit(main())
    except RetortError as error:
        print(f"error: {' '.join(str(error).split())}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("error: interrupted; nothing was written", file=sys.stderr)
        sys.exit(INTERRUPTED)


def keep_to_same_cores() -> None:
    """Keeps this process, and all that it starts, on as many cores as OMP_NUM_THREADS says.

    torch and the matrix rates heed that variable, onnxruntime does not: without this one side would have a core, the
    other all of them.
    """
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0]
    if asked.isdecimal() and int(asked) and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: int(asked)])


@contextlib.contextmanager
def workshop(given: argparse.Namespace) -> Iterator[Path]:
    """The folder that `--folder` names, made when it is not there, or one that is removed afterwards."""
    if given.folder is not None:
        given.folder.mkdir(parents=True, exist_ok=True)
        yield given.folder
        return
    with tempfile.TemporaryDirectory(prefix="retort-bench-") as folder:
        yield Path(folder)
