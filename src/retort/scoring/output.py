"""The output of scoring: one CSV, JSON lines or Parquet file, or a folder of shards; written whole or not at all."""

import contextlib
import errno
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from retort import runs
from retort.errors import ConfigError, ResourceError
from retort.scoring.shards import Shards
from retort.scoring.tables import TABLES, Table
from retort.whole_folder import written_whole

# OUT with one of these endings is meant to be a file, not a folder of shards.
_NOT_WRITTEN = (".gz", ".tsv", ".json", ".txt", ".xlsx", ".zip", ".arrow", ".feather")
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS)
_NO_PLACE = (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG)


def require_new_output(out: Path) -> None:
    """Raises ConfigError when `out` exists, or has the ending of a format that is not written."""
    if out.suffix.lower() in _NOT_WRITTEN:
        raise ConfigError(f"{out}: {out.suffix} is not written; end it with {', '.join(TABLES)}, or name a folder")
    try:
        there = out.exists() and (_is_file(out) or not out.is_dir() or any(out.iterdir()))
    except OSError as error:
        raise _as_retort_error(out, error) from error
    if there:
        raise ConfigError(f"{out}: is there already; name another place")


def libraries(out: Path) -> tuple[str, ...]:
    """The modules that writing to `out` needs beyond the base install."""
    return ("pyarrow",) if not _is_file(out) or out.suffix.lower() == ".parquet" else ()


@contextlib.contextmanager
def writing(out: Path, attributes: Sequence[str], about: Mapping[str, Any]) -> Iterator[Table]:
    """A table whose rows are at `out` when the block ends without an exception; else nothing is.

    attributes: names of the probability columns. about: what made the scores, for the manifest of a folder. Raises
    ConfigError when `out` exists or is no possible place, ResourceError when the disk is full or read-only.
    """
    require_new_output(out)
    if _is_file(out):
        with _file_written_whole(out) as file, TABLES[out.suffix.lower()](file, attributes) as table:
            yield table
        return
    with written_whole(out) as folder:
        shards = Shards(folder, attributes)
        with shards:
            yield shards
        runs.write_json(folder / runs.MANIFEST, shards.manifest(about))


def _is_file(out: Path) -> bool:
    return out.suffix.lower() in TABLES


@contextlib.contextmanager
def _file_written_whole(path: Path) -> Iterator[IO[bytes]]:
    """As `written_whole`, for a single file."""
    partial = path.with_name(path.name + ".partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with partial.open("wb") as file:
            yield file
        require_new_output(path)
        partial.rename(path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            partial.unlink()
        if isinstance(error, OSError):
            raise _as_retort_error(path, error) from error
        raise


def _as_retort_error(path: Path, error: OSError) -> Exception:
    """ConfigError or ResourceError for a place that cannot be written; other errors as they are."""
    if error.errno in _NO_PLACE:
        return ConfigError(
            f"{path}: cannot be {'a file' if _is_file(path) else 'a folder'} ({error.strerror}); name another place"
        )
    if error.errno in _NO_ROOM:
        return ResourceError(f"{path}: {error.strerror}; free some space or name another place")
    return error
