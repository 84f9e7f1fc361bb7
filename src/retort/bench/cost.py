"""What an arm costs: memory while it trains, time for one comment, comments per second, bytes on disk."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import psutil

_SAMPLE_SECONDS = 0.05
_ROUNDS = 3


class PeakMemory:
    """The highest resident memory of this process within the block, in bytes.

    Sampled, because the kernel's own peak never falls and a later arm would inherit the first one's.
    """

    def __enter__(self) -> "PeakMemory":
        self._process = psutil.Process()
        self.bytes = self._process.memory_info().rss
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(_SAMPLE_SECONDS):
            self.bytes = max(self.bytes, self._process.memory_info().rss)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        self.bytes = max(self.bytes, self._process.memory_info().rss)


def measure_speed(
    arms: dict[str, Callable[[Sequence[str]], Any]], texts: Sequence[str], singles: int
) -> dict[str, dict[str, Any]]:
    """`latency_ms` {p50, p95} of one comment and `comments_per_second` of many, from text to probability.

    The arms take turns, comment by comment and round by round, so that a machine that slows down slows
    them all. The first calls warm up and do not count.
    """
    alone = [texts[i % len(texts)] for i in range(singles)]
    for call in arms.values():
        call(list(texts))
        for text in alone[:5]:
            call([text])
    latencies: dict[str, list[float]] = {name: [] for name in arms}
    for text in alone:
        for name, call in arms.items():
            latencies[name].append(_seconds(call, [text]) * 1000)
    rounds: dict[str, list[float]] = {name: [] for name in arms}
    for _ in range(_ROUNDS):
        for name, call in arms.items():
            rounds[name].append(_seconds(call, list(texts)))
    return {
        name: {
            "latency_ms": {
                "p50": float(np.percentile(latencies[name], 50)),
                "p95": float(np.percentile(latencies[name], 95)),
            },
            "comments_per_second": len(texts) / float(np.median(rounds[name])),
        }
        for name in arms
    }


def size_bytes(folder: Path, *, without: Sequence[str] = ()) -> int:
    """Bytes of the files below a folder, leaving out the relative paths (or folders) in `without`."""
    return sum(
        path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and not any(part in without for part in path.relative_to(folder).parts)
    )


def _seconds(call: Callable[[Sequence[str]], Any], texts: Sequence[str]) -> float:
    began = time.perf_counter()
    call(texts)
    return time.perf_counter() - began
