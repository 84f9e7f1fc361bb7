"""The memory of one model, measured in a process of its own: `python -m retort.bench.resident`.

A process's peak never falls, and libraries that one model loads stay loaded for the next; so every format is
measured in a fresh process.
"""

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from retort.errors import ResourceError
from retort.machine import usable_threads


@dataclass(frozen=True)
class Resident:
    """Resident bytes of the process, including the interpreter and its libraries.

    loaded: after loading the model. after: after rating all comments. peak: the largest so far, loading included.
    """

    loaded: int
    after: int
    peak: int


def measure_resident(folder: Path, texts: Sequence[str], threads: int) -> Resident:
    """Loads the model of `folder` and rates `texts` in a fresh process.

    Raises ResourceError with the last line of its output when that process fails.
    """
    ended = subprocess.run(
        # -P: a file in the current folder must not shadow a standard module.
        [sys.executable, "-P", "-m", "retort.bench.resident", str(folder), str(threads)],
        input=json.dumps(list(texts)),
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode != 0:
        last = (ended.stderr.strip().splitlines() or [f"it ended with {ended.returncode}"])[-1]
        raise ResourceError(f"{folder}: its memory could not be measured ({last}); free some and try again")
    return Resident(**json.loads(ended.stdout))


def serving_memory(folder: Path, texts: Sequence[str]) -> int:
    """Bytes that a process needs to load the model and to rate `texts` with all cores: its peak, for a memory limit.

    Takes as long as starting the libraries, loading, and rating the texts. Raises ResourceError as `measure_resident`.
    """
    return measure_resident(folder, texts, usable_threads()).peak


def _main() -> None:
    from retort.bench.model_formats import open_format

    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    texts = json.load(sys.stdin)
    process = psutil.Process()
    classifier = open_format(folder, threads)
    loaded = process.memory_info().rss
    classifier.probabilities(texts)
    after = process.memory_info().rss
    print(json.dumps({"loaded": loaded, "after": after, "peak": max(_peak(), after)}))  # noqa: T201 - to its parent


def _peak() -> int:
    """Peak resident bytes of this process; 0 where the system does not report it."""
    with contextlib.suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("utf-8"))
        return int(found[1]) * 1024 if found else 0
    return 0


if __name__ == "__main__":
    _main()
