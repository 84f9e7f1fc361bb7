"""A folder of Parquet files with scored rows, and its manifest."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retort import runs
from retort.provenance import utc_now, version
from retort.scoring.tables import ID, VERDICT, ScoredRows, Table, parquet_table

SHARD_ROWS = 100_000


class Shards:
    """Parquet files of SHARD_ROWS rows each; the last one may have fewer."""

    def __init__(self, folder: Path, attributes: Sequence[str]) -> None:
        self._folder = folder
        self._attributes = attributes
        self._open = contextlib.ExitStack()
        self._table: Table | None = None
        self._shards: list[dict[str, Any]] = []
        self._rejected = 0

    def __enter__(self) -> "Shards":
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.__exit__(*error)

    def write(self, rows: ScoredRows) -> None:
        """Appends rows, in as many new files as they need."""
        begin = 0
        while begin < len(rows):
            if self._table is None:
                self._table = self._next()
            shard = self._shards[-1]
            part = rows.part(begin, begin + SHARD_ROWS - shard["rows"])
            self._table.write(part)
            shard["rows"] += len(part)
            begin += len(part)
            if shard["rows"] == SHARD_ROWS:
                self._open.close()
                self._table = None
        self._rejected += sum(verdict is None for verdict in rows.verdicts)

    def manifest(self, about: Mapping[str, Any]) -> dict[str, Any]:
        """The content of manifest.json, once all shards are written; `about` is added to it."""
        return {
            "schema": 1,
            "columns": [ID, *self._attributes, VERDICT],
            "rows": sum(shard["rows"] for shard in self._shards),
            "rejected": self._rejected,
            "shards": [{**shard, "sha256": runs.sha256(self._folder / shard["file"])} for shard in self._shards],
            **about,
            "retort": version(),
            "time": utc_now(),
        }

    def _next(self) -> Table:
        name = f"part-{len(self._shards):05d}.parquet"
        self._shards.append({"file": name, "rows": 0})
        file = self._open.enter_context((self._folder / name).open("xb"))
        return self._open.enter_context(parquet_table(file, self._attributes))
