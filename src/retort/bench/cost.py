"""The cost of running an arm: latency, throughput, bytes on disk."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

_ROUNDS = 3
_WARM_UP = 5


@dataclass(frozen=True)
class Turns:
    """The times of one arm: `alone_ms` for each comment by itself, `rounds_seconds` for each pass over all of them."""

    alone_ms: list[float]
    rounds_seconds: list[float]


def take_turns(
    arms: Mapping[str, Callable[[Sequence[str]], Any]],
    texts: Sequence[str],
    singles: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> dict[str, Turns]:
    """Times every arm on `singles` comments one by one, then on all `texts` several times.

    The arms take turns, comment by comment and round by round, so that a change of the machine's speed affects
    all of them. The first calls warm up and do not count. `progress(done, total)` is called as work completes.
    """
    alone = [texts[i % len(texts)] for i in range(singles)]
    total = len(arms) * (singles + (_ROUNDS + 1) * len(texts))
    done = 0
    for call in arms.values():
        progress(done, total)
        call(list(texts))
        for text in alone[:_WARM_UP]:
            call([text])
        done += len(texts)
    turns = {name: Turns([], []) for name in arms}
    for text in alone:
        progress(done, total)
        for name, call in arms.items():
            turns[name].alone_ms.append(_seconds(call, [text]) * 1000)
        done += len(arms)
    for _ in range(_ROUNDS):
        for name, call in arms.items():
            progress(done, total)
            turns[name].rounds_seconds.append(_seconds(call, list(texts)))
            done += len(texts)
    return turns


def measure_speed(
    arms: Mapping[str, Callable[[Sequence[str]], Any]], texts: Sequence[str], singles: int
) -> dict[str, dict[str, Any]]:
    """`latency_ms` {p50, p95} of one comment and `comments_per_second` of many, from text to probability.

    Measured in turns, see `take_turns`.
    """
    return {name: speed(turns, len(texts)) for name, turns in take_turns(arms, texts, singles).items()}


def speed(turns: Turns, texts: int) -> dict[str, Any]:
    """`latency_ms` and `comments_per_second` from an arm's times for `texts` comments."""
    return {
        "latency_ms": {
            "p50": float(np.percentile(turns.alone_ms, 50)),
            "p95": float(np.percentile(turns.alone_ms, 95)),
        },
        "comments_per_second": texts / float(np.median(turns.rounds_seconds)),
    }


def size_bytes(folder: Path, *, without: Sequence[str] = ()) -> int:
    """Bytes of the files below a folder, except those below folders named in `without`."""
    return sum(
        path.stat().st_size
        for path in folder.rglob("*")
        if path.is_file() and not any(part in without for part in path.relative_to(folder).parts)
    )


def _seconds(call: Callable[[Sequence[str]], Any], texts: Sequence[str]) -> float:
    began = time.perf_counter()
    call(texts)
    return time.perf_counter() - began
