"""The memory of one model, measured in a process that holds nothing else: `python -m retort.bench.resident`.

What a process has ever held stays in its peak, and what one model loaded another finds loaded; so every format
gets a process of its own.
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


@dataclass(frozen=True)
class Resident:
    """Resident bytes of the process, the interpreter and its libraries included.

    loaded: with the model there, before any comment. after: when all comments are rated. peak: the most that it
    ever held, loading included.
    """

    loaded: int
    after: int
    peak: int


def measure_resident(folder: Path, texts: Sequence[str], threads: int) -> Resident:
    """Loads the model of `folder` and rates `texts` in a fresh process.

    Raises ResourceError, with what that process said last, when it does not get so far.
    """
    ended = subprocess.run(
        # -P: a file in the current folder must not stand in for one of Python's own.
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


def _main() -> None:
    from retort.bench.formats import open_format

    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    texts = json.load(sys.stdin)
    process = psutil.Process()
    classifier = open_format(folder, threads)
    loaded = process.memory_info().rss
    classifier.probabilities(texts)
    after = process.memory_info().rss
    print(json.dumps({"loaded": loaded, "after": after, "peak": max(_peak(), after)}))  # noqa: T201 - to its parent


def _peak() -> int:
    """The most that this process ever held; 0 where the system does not tell."""
    with contextlib.suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text("utf-8"))
        return int(found[1]) * 1024 if found else 0
    return 0


if __name__ == "__main__":
    _main()
