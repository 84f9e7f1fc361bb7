"""Scores a file on this machine: reading, tokenising, scoring and writing overlap, and few rows are in memory at once.

    file → blocks of checked rows → pieces of similar length → threads sharing one classifier → rows in order → output

A block is written when the last of its pieces is scored, while the threads work on the blocks behind it.
"""

import collections
import contextlib
import importlib
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

import numpy as np

from retort.data.checks import CheckedRows, check
from retort.data.chunks import ChunkLimit
from retort.data.faults import FAULTY_SHARE_ALLOWED, Faults
from retort.data.files import read_chunks
from retort.data.formats import format_of
from retort.errors import RejectedError
from retort.inference.predictor import Answer, Classifier
from retort.scoring.output import libraries, require_new_output, writing
from retort.scoring.tables import ScoredRows
from retort.tasks import Outcome, Task

# Rows read at a time: enough that sorting them by length leaves little padding, few enough to be written soon.
BLOCK = ChunkLimit(rows=512, characters=1_000_000)
# Rows between reader and writer. More would only fill memory; far fewer would leave threads idle while a block ends.
ROWS_IN_FLIGHT = 4_096
# Comments given to a thread at a time: two batches of the models, and few enough that Ctrl-C takes effect soon.
PIECE = 16

# Called with the rows done, and the share of the input that has been read (0 to 1).
RowsProgress = Callable[[int, float], None]
Read = Callable[[Sequence[str]], list[Answer]]


@dataclass
class Summary:
    """Counts over the rows written so far."""

    rows: int = 0
    truncated: int = 0
    seconds: float = 0.0
    outcomes: dict[Outcome, int] = field(default_factory=lambda: dict.fromkeys(get_args(Outcome), 0))
    faults: Faults = field(default_factory=Faults)

    @property
    def rows_per_second(self) -> float:
        """Rows, the rejected ones included, per second of the whole job; 0 before it has ended."""
        return self.rows / self.seconds if self.seconds else 0.0

    def add(self, block: CheckedRows, answers: Sequence[Answer]) -> None:
        """One more block; blocks are added in the order of the input."""
        self.rows += len(block)
        for answer in answers:
            self.outcomes[answer.outcome] += 1
            self.truncated += answer.truncated
        for number, fault in block.faults.items():
            self.faults.add(fault, number)

    def as_dict(self, task: Task) -> dict[str, Any]:
        """For JSON, verdicts in the words of `task`."""
        dropped = self.faults.dropped
        return {
            "rows": self.rows,
            "verdicts": {task.keys[outcome]: count for outcome, count in self.outcomes.items()},
            "truncated": self.truncated,
            "rejected": {
                "count": self.faults.total,
                "faults": {fault: rows.as_dict() for fault, rows in dropped.items()},
            },
            "seconds": self.seconds,
            "rows_per_second": self.rows_per_second,
        }

    def refuse_too_many_rejected(self, source: Path, out: Path) -> None:
        """Raises RejectedError when over 1 % of the rows could not be scored."""
        if self.faults.too_many_of(self.rows):
            raise RejectedError(
                f"{source}: {self.faults.total:,} of {self.rows:,} rows could not be scored and are empty in {out}; "
                f"mend them and score again (at most {FAULTY_SHARE_ALLOWED:.0%} may be faulty)"
            )


def refuse_unfit(source: Path, out: Path) -> None:
    """The checks that need no model, to make before one is loaded.

    Raises ConfigError when `out` exists, DataError when `source` is not a data file, ModuleNotFoundError when a
    library that one of them needs is not installed.
    """
    require_new_output(out)
    for library in {*format_of(source).LIBRARIES, *libraries(out)}:
        importlib.import_module(library)


def score(
    source: Path,
    out: Path,
    classifier: Classifier,
    columns: Mapping[str, str],
    *,
    threads: int,
    progress: RowsProgress = lambda *_done: None,
) -> Summary:
    """Writes the scores of every row of `source` to `out`, in the order of `source`.

    columns: text and id -> header, where the task does not know the header. threads: how many call the classifier,
    which is best loaded with `threads=1`. A row without a readable text keeps its place, with neither probabilities
    nor verdict. Raises DataError when `source` is unfit as a whole, ConfigError or ResourceError when `out` cannot be
    written; nothing is left at `out` then.
    """
    began = time.perf_counter()
    summary = Summary()
    about: dict[str, Any] = {
        "model": {"arm": classifier.arm, "format": classifier.format, "sha256": classifier.sha256},
        "input": {"file": source.name, "bytes": source.stat().st_size},
    }
    with (
        writing(out, classifier.attributes, about) as table,
        contextlib.closing(read_chunks(source, classifier.task, columns, labelled=False, limit=BLOCK)) as chunks,
        contextlib.closing(in_order(map(check, chunks), classifier.read, threads)) as answered,
    ):
        for block, answers in answered:
            table.write(_scored(block, answers, classifier.attributes))
            summary.add(block, answers)
            progress(summary.rows, block.share)
        # Known only now; a folder's manifest is written when the block ends.
        about["truncated"] = summary.truncated
    summary.seconds = time.perf_counter() - began
    return summary


def in_order(
    blocks: Iterable[CheckedRows], read: Read, threads: int
) -> Generator[tuple[CheckedRows, list[Answer]], None, None]:
    """Each block with the answers to its texts, from `threads` threads; at most ROWS_IN_FLIGHT rows wait."""
    waiting: collections.deque[_Submitted] = collections.deque()
    rows = 0
    pool = ThreadPoolExecutor(threads, thread_name_prefix="score")
    try:
        for block in blocks:
            waiting.append(_Submitted.to(pool, block, read))
            rows += len(block)
            while waiting and (rows + BLOCK.rows > ROWS_IN_FLIGHT or waiting[0].is_done()):
                rows -= len(waiting[0].block)
                yield waiting.popleft().answers()
        while waiting:
            yield waiting.popleft().answers()
    finally:
        # Running calls are waited for: a thread cannot be stopped in the middle of a model.
        pool.shutdown(wait=True, cancel_futures=True)


@dataclass(frozen=True)
class _Submitted:
    """A block whose texts are with the threads, in pieces: places among its texts -> the answers to come."""

    block: CheckedRows
    pieces: list[tuple[list[int], Future[list[Answer]]]]

    @classmethod
    def to(cls, pool: ThreadPoolExecutor, block: CheckedRows, read: Read) -> "_Submitted":
        # The longest first, so that no thread is left with a long one when the others are done.
        order = sorted(range(len(block.texts)), key=lambda place: len(block.texts[place]), reverse=True)
        pieces = [order[begin : begin + PIECE] for begin in range(0, len(order), PIECE)]
        return cls(block, [(piece, pool.submit(read, [block.texts[place] for place in piece])) for piece in pieces])

    def is_done(self) -> bool:
        return all(future.done() for _, future in self.pieces)

    def answers(self) -> tuple[CheckedRows, list[Answer]]:
        """Waits for the last piece. Raises what a thread raised."""
        by_place = {
            place: answer for piece, future in self.pieces for place, answer in zip(piece, future.result(), strict=True)
        }
        return self.block, [by_place[place] for place in range(len(self.block.texts))]


def _scored(block: CheckedRows, answers: Sequence[Answer], attributes: Sequence[str]) -> ScoredRows:
    probabilities = np.full((len(block), len(attributes)), np.nan, np.float32)
    verdicts: list[str | None] = [None] * len(block)
    for place, answer in zip(block.places, answers, strict=True):
        probabilities[place] = [answer.probabilities[name] for name in attributes]
        verdicts[place] = answer.verdict
    return ScoredRows(block.ids, probabilities, verdicts)
