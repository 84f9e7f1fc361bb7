"""Scores a file on this machine: reading, tokenising, scoring and writing overlap, and few rows are in memory at once.

    file → windows of rows → pieces of like length → threads that ask one classifier → rows in order → output

A window is written when the last of its pieces is answered, while the threads are busy with the windows behind it.
"""

import collections
import contextlib
import os
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np

from retort.config import ColumnNames
from retort.data.columns import identifier
from retort.data.faults import MOST_FAULTY, Faults, text_fault
from retort.data.rows import Chunk, Most, file_ending, read_chunks
from retort.errors import RejectedError
from retort.inference.predictor import Answer, Classifier, Verdict
from retort.scoring.shards import ScoredRows, needs_pyarrow, refuse_existing, writing

# Sorted by length, so many rows leave little padding; and a window is small enough to be written soon.
WINDOW = Most(rows=512, characters=1_000_000)
# Rows between reader and writer. More would only fill memory; far fewer would leave threads idle while a window ends.
MOST_AHEAD = 4_096
# Comments that a thread is given at a time: two batches of the scorers, and so little that Ctrl-C need not wait long.
PIECE = 16

# Rows done, and how much of the input that is (0 to 1).
Progress = Callable[[int, float], None]
Read = Callable[[Sequence[str]], list[Answer]]


@dataclass(frozen=True)
class Window:
    """Rows of the input that follow one another.

    ids: of all n. texts: of those that can be scored, which stand at `places` (0 to n - 1, rising). faults: row
    number -> what is wrong with it, for the others. share: how much of the input is read, 0 to 1.
    """

    ids: list[str]
    places: list[int]
    texts: list[str]
    faults: dict[int, str]
    share: float

    def __len__(self) -> int:
        return len(self.ids)


@dataclass
class Summary:
    """What came of the rows so far."""

    rows: int = 0
    truncated: int = 0
    seconds: float = 0.0
    verdicts: dict[Verdict, int] = field(default_factory=lambda: dict.fromkeys(get_args(Verdict), 0))
    faults: Faults = field(default_factory=Faults)

    @property
    def rows_per_second(self) -> float:
        return self.rows / self.seconds if self.seconds else 0.0

    def add(self, window: Window, answers: Sequence[Answer]) -> None:
        """One more window; the windows come in order."""
        self.rows += len(window)
        for answer in answers:
            self.verdicts[answer.verdict] += 1
            self.truncated += answer.truncated
        for number, fault in window.faults.items():
            self.faults.add(fault, number)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        dropped = self.faults.dropped()
        return {
            "rows": self.rows,
            "verdicts": dict(self.verdicts),
            "truncated": self.truncated,
            "rejected": {
                "count": self.faults.total,
                "faults": {fault: one.as_dict() for fault, one in dropped.items()},
            },
            "seconds": self.seconds,
            "rows_per_second": self.rows_per_second,
        }

    def refuse_too_many_rejected(self, source: Path, out: Path) -> None:
        """Raises RejectedError when over 1 % of the rows could not be scored."""
        if self.faults.total > MOST_FAULTY * self.rows:
            raise RejectedError(
                f"{source}: {self.faults.total:,} of {self.rows:,} rows could not be scored and are empty in {out}; "
                f"mend them and score again (at most {MOST_FAULTY:.0%} may be faulty)"
            )


def refuse_unfit(source: Path, out: Path) -> None:
    """What can be said before a model is loaded.

    Raises ConfigError when `out` is there already, DataError when `source` is no file of comments,
    ModuleNotFoundError when one of them is Parquet and pyarrow is not installed.
    """
    refuse_existing(out)
    if file_ending(source) == ".parquet" or needs_pyarrow(out):
        import pyarrow  # noqa: F401


def usable_cores() -> int:
    """The cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def score(
    source: Path,
    out: Path,
    classifier: Classifier,
    columns: ColumnNames,
    *,
    threads: int,
    progress: Progress = lambda *_done: None,
) -> Summary:
    """Writes to `out` what `classifier` says of every row of `source`, in its order.

    So many `threads` ask the classifier, which had best be loaded with `threads=1`. A row without a readable text
    keeps its place, with neither probabilities nor verdict. Raises DataError when `source` is unfit as a whole,
    ConfigError or ResourceError when `out` cannot be written; nothing is left there then.
    """
    began = time.perf_counter()
    summary = Summary()
    about: dict[str, Any] = {
        "model": {"arm": classifier.arm, "format": classifier.format, "sha256": classifier.sha256},
        "input": {"file": source.name, "bytes": source.stat().st_size},
    }
    with (
        writing(out, classifier.attributes, about) as table,
        contextlib.closing(read_chunks(source, columns, labelled=False, most=WINDOW)) as chunks,
        contextlib.closing(in_order(map(window, chunks), classifier.read, threads)) as answered,
    ):
        for one, answers in answered:
            table.write(_scored(one, answers, classifier.attributes))
            summary.add(one, answers)
            progress(summary.rows, one.share)
        # Known at the end alone, which is when a folder's manifest is written.
        about["truncated"] = summary.truncated
    summary.seconds = time.perf_counter() - began
    return summary


def window(chunk: Chunk) -> Window:
    """The rows of a chunk, looked at one by one."""
    texts = iter(chunk.cells[chunk.columns.text])
    ids = iter(chunk.cells[chunk.columns.id]) if chunk.columns.id else None
    result = Window([], [], [], {}, chunk.share)
    for place, number in enumerate(range(chunk.first, chunk.first + chunk.count)):
        broken = chunk.broken.get(number)
        text, own_id = (None, None) if broken else (next(texts), None if ids is None else next(ids))
        result.ids.append(identifier(own_id, number))
        fault = broken or text_fault(text)
        if fault:
            result.faults[number] = fault
        else:
            result.places.append(place)
            result.texts.append(str(text))
    return result


def in_order(windows: Iterable[Window], read: Read, threads: int) -> Generator[tuple[Window, list[Answer]], None, None]:
    """Each window with the answers to its texts; so many threads answer, and no more than MOST_AHEAD rows wait."""
    waiting: collections.deque[_Asked] = collections.deque()
    rows = 0
    pool = ThreadPoolExecutor(threads, thread_name_prefix="score")
    try:
        for one in windows:
            waiting.append(_Asked.of(one, pool, read))
            rows += len(one)
            while waiting and (rows + WINDOW.rows > MOST_AHEAD or waiting[0].is_answered()):
                rows -= len(waiting[0].window)
                yield waiting.popleft().answers()
        while waiting:
            yield waiting.popleft().answers()
    finally:
        # What runs is waited for: a thread cannot be stopped in the middle of a model.
        pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True)
class _Asked:
    """A window whose texts were given to the threads, in pieces: rows of its texts -> their answers to come."""

    window: Window
    pieces: list[tuple[list[int], Future[list[Answer]]]]

    @classmethod
    def of(cls, one: Window, pool: ThreadPoolExecutor, read: Read) -> "_Asked":
        # The longest first, so that no thread is left with a long one when the others are done.
        order = sorted(range(len(one.texts)), key=lambda row: len(one.texts[row]), reverse=True)
        pieces = [order[begin : begin + PIECE] for begin in range(0, len(order), PIECE)]
        return cls(one, [(piece, pool.submit(read, [one.texts[row] for row in piece])) for piece in pieces])

    def is_answered(self) -> bool:
        return all(future.done() for _, future in self.pieces)

    def answers(self) -> tuple[Window, list[Answer]]:
        """Waits for the last of them. Raises what a thread raised."""
        by_row = {
            row: answer for piece, to_come in self.pieces for row, answer in zip(piece, to_come.result(), strict=True)
        }
        return self.window, [by_row[row] for row in range(len(self.window.texts))]


def _scored(one: Window, answers: Sequence[Answer], attributes: Sequence[str]) -> ScoredRows:
    probabilities = np.full((len(one), len(attributes)), np.nan, np.float32)
    verdicts: list[Verdict | None] = [None] * len(one)
    for place, answer in zip(one.places, answers, strict=True):
        probabilities[place] = [answer.probabilities[name] for name in attributes]
        verdicts[place] = answer.verdict
    return ScoredRows(one.ids, probabilities, verdicts)
