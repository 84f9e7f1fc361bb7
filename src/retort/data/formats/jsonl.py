"""JSON lines: one object a line.

Read with Python's own json module: pyarrow.json stops at the first line that is not an object, gives no line numbers,
and fixes every column's type by the first block.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from retort.data.chunks import Choose, ChunkLimit, RawChunk, hashable
from retort.data.faults import NOT_JSON
from retort.data.lines import Lines, batched, opened
from retort.errors import DataError

ENDINGS = (".jsonl",)
LIBRARIES = ()


def read(path: Path, choose: Choose, limit: ChunkLimit) -> Iterator[RawChunk]:
    """See `FileFormat.read`. An object may lack a key, so the headers are all keys of the first chunk."""
    with opened(path) as lines:
        chosen: Sequence[str] | None = None
        for batch in batched(_objects(lines), lines, limit):
            if chosen is None:
                chosen = choose(list(dict.fromkeys(key for item in batch.rows for key in item)))
            cells = {name: [hashable(item.get(name)) for item in batch.rows] for name in chosen}
            yield RawChunk(len(batch), cells, batch.broken, lines.share())
        if chosen is None:
            raise DataError(f"{path}: is empty; give a file that holds comments")


def _objects(lines: Lines) -> Iterator[dict[str, Any] | str]:
    """The object of each line, or its fault; blank lines are not rows."""
    for line in lines:
        if line.strip():
            try:
                item = json.loads(line)
            except (ValueError, RecursionError):
                item = None
            yield item if isinstance(item, dict) else NOT_JSON
