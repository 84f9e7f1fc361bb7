"""A file of comments: read from the request, scored in small portions, given back as a table. In memory only."""

import collections
import csv
import io
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from flask import Request

from retort.config import TEXT_HEADERS, ServeSettings
from retort.inference.predictor import Answer, Verdict
from retort.text import is_blank
from retort.web.errors import Refusal
from retort.web.service import Service
from retort.web.verdicts import verdict_at

_ID_HEADER = "id"
_DELIMITERS = ",;\t"
# Comments between which other requests get their turns.
_PORTION = 32
# With these a spreadsheet takes a cell for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
# Lets spreadsheet programs see that the file is UTF-8.
_BOM = "\ufeff"


class InMemoryRequest(Request):
    """A request whose uploaded files never reach a disk: the usual one writes those over 500 kB to a temporary file."""

    def _get_file_stream(self, *_about: Any, **_named: Any) -> IO[bytes]:
        return io.BytesIO()


@dataclass(frozen=True)
class Comment:
    """One row of the file, counted from 1 without the header. fault: why it cannot be scored, if so."""

    number: int
    id: str
    text: str
    fault: str = ""


@dataclass(frozen=True)
class Scored:
    """A row with its answer; None where the row has a fault."""

    comment: Comment
    answer: Answer | None
    verdict: Verdict | None


class Desk:
    """Takes files, one at a time, so that they do not crowd out everyone else."""

    def __init__(self, service: Service, settings: ServeSettings) -> None:
        self._service = service
        self._settings = settings
        self._busy = threading.Lock()

    def score(self, content: bytes, name: str, arm: str, threshold: float | None) -> list[Scored]:
        """Every row of the file, scored. `name` is what the browser calls the file.

        Raises Refusal 413, 415 or 422 for a file that cannot be read, 429 while another one is being read,
        504 when it takes longer than `upload_seconds`.
        """
        comments = read_comments(content, name, self._settings)
        if not self._busy.acquire(blocking=False):
            raise Refusal(429, "another file is being read; try again in a minute", "upload_busy", retry_after=60)
        try:
            return list(self._scored(comments, arm, threshold))
        finally:
            self._busy.release()

    def _scored(self, comments: Sequence[Comment], arm: str, threshold: float | None) -> Iterator[Scored]:
        deadline = time.monotonic() + self._settings.upload_seconds
        for start in range(0, len(comments), _PORTION):
            portion = comments[start : start + _PORTION]
            answers = iter(self._answers([comment.text for comment in portion if not comment.fault], arm, deadline))
            for comment in portion:
                if comment.fault:
                    yield Scored(comment, None, None)
                else:
                    answer = next(answers)
                    limit = answer.threshold if threshold is None else threshold
                    yield Scored(comment, answer, verdict_at(answer, limit))

    def _answers(self, texts: list[str], arm: str, deadline: float) -> list[Answer]:
        if not texts:
            return []
        try:
            return self._service.read(texts, arm, deadline)
        except Refusal as refusal:
            if refusal.status != 504:
                raise
            seconds = self._settings.upload_seconds
            message = f"the file was not read within {seconds:g} seconds; send one with fewer rows"
            raise Refusal(504, message, field="file", limit=seconds) from refusal


def read_comments(content: bytes, name: str, settings: ServeSettings) -> list[Comment]:
    """The rows of a CSV file with a known header, or the lines of any other text (always those of a .txt file).

    A single row that is blank, ragged or too long is kept with its fault. Raises Refusal for a file that
    cannot be read as a whole.
    """
    if not content:
        raise _refused(422, "choose a file that holds comments: this one is empty, or none was chosen")
    if len(content) > settings.upload_bytes:
        limit = settings.upload_bytes
        raise _refused(413, f"the file has {len(content):,} bytes; at most {limit:,} are read", limit)
    text = _decoded(content)
    delimiter = None if name.lower().endswith(".txt") else _delimiter(text)
    if delimiter is not None:
        comments = _from_csv(text, delimiter, settings)
    elif name.lower().endswith((".csv", ".tsv")):
        raise _refused(
            422,
            f"the file's first line names no column {' or '.join(TEXT_HEADERS)}; add such a header, or give one "
            "comment per line in a .txt file",
        )
    else:
        comments = _from_lines(text, settings)
    if all(comment.fault for comment in comments):
        raise _refused(422, "the file holds no comment that can be read")
    return comments


def _decoded(content: bytes) -> str:
    encoding = "utf-16" if content.startswith(_UTF16) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if b"\0" in content:
            raise _no_text() from error
        raise _refused(
            422, f"the file is not UTF-8 (byte {error.start:,}); save it as “CSV UTF-8” or as UTF-8 text"
        ) from error
    if "\0" in text:
        raise _no_text()
    return text


def _no_text() -> Refusal:
    return _refused(415, "the file is no text (a workbook or an archive, perhaps); save it as CSV or plain text")


def _delimiter(text: str) -> str | None:
    """What separates the cells of a CSV file with a known header; None for any other file."""
    first = text.split("\n", 1)[0].rstrip("\r")
    for delimiter in _DELIMITERS:
        if any(header in TEXT_HEADERS for header in _headers(first, delimiter)):
            return delimiter
    return None


def _headers(line: str, delimiter: str) -> list[str]:
    return [cell.strip().strip('"').strip().casefold() for cell in line.split(delimiter)]


def _from_csv(text: str, delimiter: str, settings: ServeSettings) -> list[Comment]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    comments: list[Comment] = []
    try:
        header = [cell.strip().casefold() for cell in next(rows)]
        column = next(header.index(name) for name in TEXT_HEADERS if name in header)
        ids = header.index(_ID_HEADER) if _ID_HEADER in header else None
        for row in filter(None, rows):
            number = len(comments) + 1
            _require_room(number, settings)
            if len(row) != len(header):
                fault = f"has not as many cells as the header ({len(row)} for {len(header)})"
                comments.append(Comment(number, str(number), "", fault))
            else:
                name = str(number) if ids is None else row[ids]
                comments.append(_comment(number, name, row[column], settings))
    except csv.Error as error:
        where = f"near row {len(comments) + 1:,}"
        raise _refused(
            422,
            f"the file cannot be read as CSV {where}; look for a quote that is never closed, or a cell of over "
            f"{csv.field_size_limit():,} characters",
        ) from error
    return comments


def _from_lines(text: str, settings: ServeSettings) -> list[Comment]:
    comments: list[Comment] = []
    for number, line in enumerate(io.StringIO(text, newline=None), 1):
        if not is_blank(line):
            _require_room(len(comments) + 1, settings)
            comments.append(_comment(number, str(number), line.rstrip("\n"), settings))
    return comments


def _comment(number: int, name: str, text: str, settings: ServeSettings) -> Comment:
    if is_blank(text):
        return Comment(number, name, text, "is blank")
    if len(text) > settings.characters:
        return Comment(number, name, text, f"has over {settings.characters:,} characters")
    return Comment(number, name, text)


def _require_room(rows: int, settings: ServeSettings) -> None:
    if rows > settings.upload_rows:
        limit = settings.upload_rows
        raise _refused(413, f"the file has more than {limit:,} rows; send it in parts", limit)


def _refused(status: int, message: str, limit: float | None = None) -> Refusal:
    return Refusal(status, message, field="file", limit=limit)


def as_csv(rows: Sequence[Scored], attributes: Sequence[str]) -> bytes:
    """id, text, verdict, one probability per attribute, and a note: UTF-8 that spreadsheets open as it is.

    A cell that a spreadsheet would take for a formula gets an apostrophe before it.
    """
    out = io.StringIO(newline="")
    writer = csv.writer(out)
    writer.writerow([_ID_HEADER, TEXT_HEADERS[0], "verdict", *attributes, "note"])
    for row in rows:
        if row.answer is None:
            scores, note = [""] * len(attributes), f"not read: {row.comment.fault}"
        else:
            scores = [f"{row.answer.probabilities[name]:.6f}" for name in attributes]
            note = " ".join(row.answer.warnings)
        given = (row.comment.id, row.comment.text)
        writer.writerow([*map(defused, given), row.verdict or "", *scores, note])
    return (_BOM + out.getvalue()).encode()


def defused(cell: str) -> str:
    """The cell, with an apostrophe before it when a spreadsheet would run it."""
    return f"'{cell}" if cell.startswith(_FORMULA) else cell


def counts(rows: Sequence[Scored]) -> dict[str, int]:
    """How many rows have each verdict, and how many were not read."""
    found = collections.Counter(row.verdict or "not read" for row in rows)
    return {verdict: found[verdict] for verdict in ("toxic", "non-toxic", "unsure", "not read")}
