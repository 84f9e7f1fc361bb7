"""An uploaded file: scored in small portions, and written as a table. All of it stays in memory."""

import collections
import csv
import io
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from flask import Request

from retort.config import ServeSettings
from retort.inference.predictor import Answer, Classifier
from retort.tasks import Outcome
from retort.web.pages.upload_file import Comment, read_comments
from retort.web.pages.verdicts import primary_probability, verdict_at
from retort.web.server.errors import Refusal
from retort.web.server.service import Service

# Comments between which other requests get their turns.
_PORTION = 32
# Spreadsheet programs run a cell that begins with one of these.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
# Tells spreadsheet programs that the file is UTF-8.
_BOM = "\ufeff"
_NOT_READ = "not read"


class InMemoryRequest(Request):
    """A request that keeps uploaded files in memory: Flask's own writes those over 500 kB to a temporary file."""

    def _get_file_stream(self, *_arguments: Any, **_named: Any) -> IO[bytes]:
        return io.BytesIO()


@dataclass(frozen=True)
class Scored:
    """A row with its answer; None where the row has a fault."""

    comment: Comment
    answer: Answer | None
    verdict: Outcome | None

    @property
    def probability(self) -> float | None:
        """Of the primary label, in [0, 1]."""
        return None if self.answer is None else primary_probability(self.answer)


class UploadQueue:
    """Scores one file at a time, in portions, so that other requests are answered in between."""

    def __init__(self, service: Service, settings: ServeSettings) -> None:
        self._service = service
        self._settings = settings
        self._busy = threading.Lock()

    def score(self, content: bytes, name: str, model: str, threshold: float | None) -> list[Scored]:
        """Every row of the file, scored. `name` is the file's name in the browser.

        Raises Refusal 413, 415 or 422 for a file that cannot be read, 429 while another one is being scored,
        504 when it takes longer than `upload_seconds`.
        """
        comments = read_comments(content, name, self._service.task, self._settings)
        if not self._busy.acquire(blocking=False):
            raise Refusal(429, "another file is being scored; try again in a minute", "upload_busy", retry_after=60)
        try:
            return list(self._scored(comments, model, threshold))
        finally:
            self._busy.release()

    def _scored(self, comments: Sequence[Comment], model: str, threshold: float | None) -> Iterator[Scored]:
        deadline = time.monotonic() + self._settings.upload_seconds
        for start in range(0, len(comments), _PORTION):
            portion = comments[start : start + _PORTION]
            answers = iter(self._answers([comment.text for comment in portion if not comment.fault], model, deadline))
            for comment in portion:
                if comment.fault:
                    yield Scored(comment, None, None)
                else:
                    answer = next(answers)
                    limit = answer.threshold if threshold is None else threshold
                    yield Scored(comment, answer, verdict_at(answer, limit))

    def _answers(self, texts: list[str], model: str, deadline: float) -> list[Answer]:
        if not texts:
            return []
        try:
            return self._service.read(texts, model, deadline)
        except Refusal as refusal:
            if refusal.status != 504:
                raise
            seconds = self._settings.upload_seconds
            message = f"the file was not scored within {seconds:g} seconds; send one with fewer rows"
            raise Refusal(504, message, field="file", limit=seconds) from refusal


def as_csv(rows: Sequence[Scored], classifier: Classifier) -> bytes:
    """id, text, verdict, one probability per label, and a note: UTF-8 that spreadsheet programs recognise.

    A cell that a spreadsheet program would run as a formula gets an apostrophe before it.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow(["id", "text", "verdict", *classifier.attributes, "note"])
    for row in rows:
        if row.answer is None or row.verdict is None:
            verdict, scores, note = "", [""] * len(classifier.attributes), f"{_NOT_READ}: {row.comment.fault}"
        else:
            verdict = classifier.task.keys[row.verdict]
            scores = [f"{row.answer.probabilities[name]:.6f}" for name in classifier.attributes]
            note = " ".join(row.answer.warnings)
        writer.writerow([defused(row.comment.id), defused(row.comment.text), verdict, *scores, note])
    return (_BOM + out.getvalue()).encode()


def defused(cell: str) -> str:
    """The cell, with an apostrophe before it where a spreadsheet program would run it."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def counts(rows: Sequence[Scored]) -> dict[str, int]:
    """How many rows have each outcome, and how many were not read."""
    found = collections.Counter(row.verdict or _NOT_READ for row in rows)
    return {outcome: found[outcome] for outcome in ("positive", "negative", "unsure", _NOT_READ)}
