"""Scores suggested by clients, stored in a SQLite file: the only file that a server writes, with --feedback."""

import json
import logging
import sqlite3
from contextlib import closing
from pathlib import Path

from retort.errors import ResourceError
from retort.provenance import utc_now
from retort.web.perspective.requests import SuggestRequest
from retort.web.server.errors import Refusal

log = logging.getLogger("retort.web")

TABLE = "suggestions"
_CREATE = f"""
CREATE TABLE IF NOT EXISTS {TABLE} (
    id INTEGER PRIMARY KEY,
    received TEXT NOT NULL,    -- UTC, ISO 8601
    text TEXT NOT NULL,
    attribute TEXT NOT NULL,   -- the client's name for it
    value REAL NOT NULL,       -- 0 to 1
    begin INTEGER,             -- of a part of the text; both NULL for the whole
    "end" INTEGER,
    languages TEXT NOT NULL,   -- a JSON list
    community_id TEXT,
    session_id TEXT,
    client_token TEXT
)
"""
_INSERT = f"INSERT INTO {TABLE} VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_SECONDS_TO_WAIT = 5.0


class Feedback:
    """A file of suggestions. Several threads and processes may add to it at once."""

    def __init__(self, path: Path) -> None:
        """Creates the file (readable only by its owner) and the table. Raises ResourceError when it cannot."""
        self._path = path
        try:
            path.touch(mode=0o600)
            with closing(self._connected()) as connection, connection:
                connection.execute(_CREATE)
        except (OSError, sqlite3.Error) as error:
            raise ResourceError(
                f"{path}: suggestions cannot be stored there ({error}); name another --feedback"
            ) from error

    def add(self, parsed: SuggestRequest) -> None:
        """Stores all scores of one request, or none. Raises Refusal 503 when they cannot be written."""
        about = (json.dumps(parsed.languages), parsed.community_id, parsed.session_id, parsed.client_token)
        received = utc_now()
        rows = [(received, parsed.text, s.attribute, s.value, s.begin, s.end, *about) for s in parsed.suggestions]
        try:
            with closing(self._connected()) as connection, connection:
                connection.executemany(_INSERT, rows)
        except sqlite3.Error as error:
            log.error("%s: a suggestion was not stored: %s", self._path, error)
            raise Refusal(503, "The suggestion cannot be stored now; try again later.", "not_kept") from error

    def _connected(self) -> sqlite3.Connection:
        return sqlite3.connect(self._path, timeout=_SECONDS_TO_WAIT)
