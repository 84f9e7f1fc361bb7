"""The comments in an uploaded file: a CSV file with a known header, or one comment per line."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from retort.config import ServeSettings
from retort.tasks import Task
from retort.text import is_blank
from retort.web.server.errors import Refusal

_DELIMITERS = ",;\t"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


@dataclass(frozen=True)
class Comment:
    """One row of the file, counted from 1 without the header. fault: why it cannot be scored, if so."""

    number: int
    id: str
    text: str
    fault: str = ""


@dataclass(frozen=True)
class _Header:
    """The first row of a CSV file. text, id: indices of these columns; id is None where there is none."""

    delimiter: str
    cells: int
    text: int
    id: int | None


def read_comments(content: bytes, name: str, task: Task, settings: ServeSettings) -> list[Comment]:
    """The rows of a CSV file with a known header, or the lines of any other text (always those of a .txt file).

    A single row that is blank, ragged or too long is kept with its fault. Raises Refusal for a file that
    cannot be read as a whole.
    """
    if not content:
        raise _refused(422, "choose a file with comments: this one is empty, or none was chosen")
    if len(content) > settings.upload_bytes:
        limit = settings.upload_bytes
        raise _refused(413, f"the file has {len(content):,} bytes; the limit is {limit:,}", limit)
    text = _decoded(content)
    header = None if name.lower().endswith(".txt") else _header(text, task)
    if header is not None:
        comments = _from_csv(text, header, settings)
    elif name.lower().endswith((".csv", ".tsv")):
        raise _refused(
            422,
            f"the file has no column {' or '.join(task.columns.text)} in its first line; add that header, or send one "
            "comment per line in a .txt file",
        )
    else:
        comments = _from_lines(text, settings)
    if all(comment.fault for comment in comments):
        raise _refused(422, "the file has no comment that can be read")
    return comments


def _decoded(content: bytes) -> str:
    encoding = "utf-16" if content.startswith(_UTF16) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        if b"\0" in content:
            raise _not_text() from error
        raise _refused(
            422, f"the file is not UTF-8 (byte {error.start:,}); save it as “CSV UTF-8” or as UTF-8 text"
        ) from error
    if "\0" in text:
        raise _not_text()
    return text


def _not_text() -> Refusal:
    return _refused(415, "the file is not text (a workbook or an archive, perhaps); save it as CSV or plain text")


def _header(text: str, task: Task) -> _Header | None:
    """The header of a CSV file with a column of comments, whatever its delimiter; None for any other file."""
    for delimiter in _DELIMITERS:
        try:
            first = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True), [])
        except csv.Error:
            continue
        names = [cell.strip().casefold() for cell in first]
        column = _index(names, task.columns.text)
        if column is not None:
            return _Header(delimiter, len(names), column, _index(names, task.columns.id))
    return None


def _index(names: Sequence[str], known: Sequence[str]) -> int | None:
    """Where the first of the known names is that is there at all."""
    return next((names.index(name.casefold()) for name in known if name.casefold() in names), None)


def _from_csv(text: str, header: _Header, settings: ServeSettings) -> list[Comment]:
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=header.delimiter, strict=True)
    comments: list[Comment] = []
    try:
        next(rows)
        for number, row in enumerate(filter(None, rows), 1):
            _require_room(number, settings)
            comments.append(_from_row(number, row, header, settings))
    except csv.Error as error:
        raise _refused(
            422,
            f"the file cannot be read as CSV near row {len(comments) + 1:,}; look for a quote that is not closed, or a "
            f"cell of over {csv.field_size_limit():,} characters",
        ) from error
    return comments


def _from_row(number: int, row: list[str], header: _Header, settings: ServeSettings) -> Comment:
    if len(row) != header.cells:
        cells = f"{len(row)} cell{'' if len(row) == 1 else 's'}"
        return Comment(number, str(number), "", f"has {cells}; the header has {header.cells}")
    return _comment(number, str(number) if header.id is None else row[header.id], row[header.text], settings)


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
