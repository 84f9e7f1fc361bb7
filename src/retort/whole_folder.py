"""Folders that are written whole: `NAME.partial` takes its real name when it is complete.

A folder without that ending can be trusted. Its mark, `partial.json`, names the process that writes it and the parts of
it that are finished.
"""

import contextlib
import dataclasses
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from retort import runs
from retort.errors import ConfigError, ResourceError, RetortError

# States of a mark: parts may be missing, or only the name.
NOT_WHOLE, COMPLETE = "not whole", "complete"

# The largest process number of any system; a larger one in a mark is not ours.
_LAST_PROCESS = 2**31 - 1


def is_writer() -> bool:
    """Whether this process writes and prints: of several that train together (torchrun) only the first does."""
    return os.environ.get("RANK", "0") == "0"


@contextlib.contextmanager
def written_whole(folder: Path) -> Iterator[Path]:
    """A folder to fill, `FOLDER.partial`, which takes its real name when the block ends without an exception.

    Left with an exception, the partial folder is removed; but where `keep_on_failure` named finished parts, it is
    kept, and a note on the exception says so. Once the block has ended nothing is removed: if the name cannot be taken,
    the partial folder is kept. Raises ConfigError for what `refuse_existing` refuses, or when `FOLDER.partial` is not
    ours or in use; ResourceError when the disk is full or read-only, or the name cannot be taken.
    A process that is not the writer gets a temporary folder.
    """
    if not is_writer():
        with tempfile.TemporaryDirectory(prefix="retort-") as scratch:
            yield Path(scratch)
        return
    refuse_existing(folder)
    partial = _partial(folder)
    with disk_errors(folder):
        _clear_way(partial)
        made = marked = complete = False
        try:
            partial.mkdir(parents=True)
            made = True
            _write_mark(partial, ())
            marked = True
            yield partial
            complete = True
            _take_name(partial, folder)
        except BaseException as error:
            if complete:
                error.add_note(f"complete and kept in {partial if partial.exists() else folder}")
            elif marked:
                _keep_finished(partial, error)
            elif made:
                shutil.rmtree(partial, ignore_errors=True)
            raise


@contextlib.contextmanager
def written_aside(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to, which replaces it in one step when the block ends without an exception."""
    aside = path.with_name(f"{path.name}.new")
    try:
        yield aside
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def keep_on_failure(partial: Path, finished: Sequence[str]) -> None:
    """Records the finished parts of a folder that is being written; they are kept if it fails."""
    if is_writer():
        _write_mark(partial, finished)


def refuse_existing(folder: Path) -> None:
    """Raises ConfigError when `folder` exists and is not empty, or cannot be replaced or made at the end."""
    with disk_errors(folder):
        if folder.is_symlink():
            raise ConfigError(
                f"{folder}: is a symbolic link, which cannot be replaced; name the folder it points to, or another, "
                "with --out"
            )
        if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
            raise ConfigError(f"{folder}: is there already and not empty; name another folder with --out")
        if folder.name in ("", "..") or (folder.is_dir() and folder.samefile(Path())):
            raise ConfigError(f"{folder}: is the current folder or has no name of its own; name a folder with --out")
        if folder.is_mount():
            raise ConfigError(f"{folder}: is a mount point, which cannot be replaced; name a folder in it with --out")
        with contextlib.suppress(FileNotFoundError):
            _partial(folder).lstat()  # a name that is too long fails here, not after the work


def _partial(folder: Path) -> Path:
    return folder.with_name(folder.name + ".partial")


def _take_name(partial: Path, folder: Path) -> None:
    """Renames a complete folder, then removes its mark; between the two, the mark calls the folder complete."""
    with contextlib.suppress(OSError):  # a full disk: the name can be taken all the same
        _write_mark(partial, _finished(partial), COMPLETE)
    try:
        if folder.exists():
            folder.rmdir()
        partial.rename(folder)
    except OSError as error:
        raise ResourceError(f"{folder}: cannot take this name ({error.strerror}); rename the kept folder") from error
    with contextlib.suppress(OSError):  # readers of a folder ignore the mark
        (folder / runs.PARTIAL).unlink()


def _keep_finished(partial: Path, error: BaseException) -> None:
    """Removes an unfinished folder; one with finished parts, or whose mark cannot be read, is kept and noted."""
    mark = _read_mark(partial)
    if mark is None:
        error.add_note(f"{partial}: its mark cannot be read, so it is kept")
    elif mark.finished:
        error.add_note(f"finished and kept in {partial}: {', '.join(mark.finished)}")
    else:
        shutil.rmtree(partial, ignore_errors=True)


def _clear_way(partial: Path) -> None:
    """Removes a partial folder that an ended process of ours left unfinished."""
    if partial.is_symlink() or partial.exists():
        _refuse_in_use(partial)
        shutil.rmtree(partial)


def _refuse_in_use(partial: Path) -> None:
    """Raises ConfigError unless the partial folder is empty, or ours without anything finished or still writing."""
    if partial.is_symlink():
        raise ConfigError(f"{partial}: is a symbolic link, and in the way; remove it, or name another --out")
    mark = _read_mark(partial)
    if mark is None:
        if not _is_empty_folder(partial):
            raise ConfigError(f"{partial}: is in the way and was not written by retort; move it, or name another --out")
        return
    if mark.process != os.getpid() and _is_running(mark):
        raise ConfigError(
            f"{partial}: is being written by process {mark.process}; wait for it or name another folder with --out; "
            "remove it only if no retort is running"
        )
    if mark.finished or mark.state == COMPLETE:
        parts = f" ({', '.join(mark.finished)})" if mark.finished else ""
        raise ConfigError(
            f"{partial}: holds what an earlier run finished{parts}; move or remove it, or name another folder with "
            "--out"
        )


@dataclasses.dataclass(frozen=True)
class _Mark:
    """Who writes a partial folder, and what is finished in it.

    started: when the process started, in ticks since the machine did, which tells it from a later process with the same
    number; None where the system does not say.
    """

    state: str
    process: int
    started: int | None
    finished: list[str]


def _write_mark(partial: Path, finished: Sequence[str], state: str = NOT_WHOLE) -> None:
    mark = _Mark(state, os.getpid(), _started(os.getpid()), list(finished))
    # Replaced in one step: a disk that is full leaves the former mark.
    with written_aside(partial / runs.PARTIAL) as aside:
        runs.write_json(aside, dataclasses.asdict(mark))


def _read_mark(partial: Path) -> _Mark | None:
    """The mark of a partial folder; None when it has none that this program wrote."""
    try:
        mark = json.loads((partial / runs.PARTIAL).read_text("utf-8"))
        process, started = int(mark["process"]), mark.get("started")
        if not 0 < process <= _LAST_PROCESS:
            return None
        started = None if started is None else int(started)
        finished = [str(name) for name in mark["finished"]]
        return _Mark(str(mark.get("state", NOT_WHOLE)), process, started, finished)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None


def _finished(partial: Path) -> list[str]:
    mark = _read_mark(partial)
    return mark.finished if mark else []


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def _is_running(mark: _Mark) -> bool:
    """Whether the process that wrote the mark still runs; a later one with its number is another."""
    try:
        os.kill(mark.process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass  # a process of another user
    return mark.started is None or _started(mark.process) in (None, mark.started)


def _started(process: int) -> int | None:
    """When a process started, in ticks since the machine did; None where the system has no /proc (see proc(5))."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text("utf-8", errors="replace")
    except OSError:
        return None
    # The second of the 22 fields, the name of the program in brackets, may contain spaces.
    return int(stat.rpartition(")")[2].split()[19])


@contextlib.contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Turns the system's error for a place that cannot be written into a RetortError, with its notes."""
    try:
        yield
    except Exception as error:
        found = _as_disk_error(folder, error)
        if found is None:
            raise
        for note in getattr(error, "__notes__", ()):
            found.add_note(note)
        raise found from error


def _as_disk_error(folder: Path, error: Exception) -> RetortError | None:
    if isinstance(error, OSError) and error.errno in (errno.ENOTDIR, errno.ENAMETOOLONG):
        return ConfigError(f"{folder}: cannot be a folder ({error.strerror}); name another place")
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EACCES, errno.EROFS, errno.EDQUOT):
        return ResourceError(f"{folder}: {error.strerror}; free some space or name another place")
    # safetensors raises an error of its own that quotes the system's.
    if f"(os error {errno.ENOSPC})" in str(error):
        return ResourceError(f"{folder}: no space left on device; free some space or name another place")
    return None
