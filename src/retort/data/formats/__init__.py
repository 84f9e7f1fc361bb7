"""Kinds of data files, one module each. To add one, add a module with the names that `FileFormat` lists."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol, cast

from retort.data.chunks import Choose, ChunkLimit, RawChunk
from retort.data.packing import ending
from retort.errors import DataError


class FileFormat(Protocol):
    """What a module of this folder holds. It imports `LIBRARIES` in its functions: the base install lacks them."""

    ENDINGS: tuple[str, ...]
    LIBRARIES: tuple[str, ...]

    def read(self, path: Path, choose: Choose, limit: ChunkLimit) -> Iterator[RawChunk]:
        """All rows of a file, in order, with the cells of the headers that `choose` returns.

        Raises DataError with what to do, or any OSError for a file that is truncated or not of this kind.
        """


def formats() -> dict[str, FileFormat]:
    """Ending -> the module that reads such files."""
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    return {end: cast(FileFormat, module) for module in modules for end in module.ENDINGS}


def endings() -> str:
    """All endings, for messages and help."""
    return f"{', '.join(formats())}, also .gz"


def format_of(path: Path) -> FileFormat:
    """The module that reads the file. Raises DataError for a file that is missing, empty or of no known kind."""
    if path.is_dir():
        raise DataError(f"{path}: is a folder; name a file ({endings()})")
    if not path.exists():
        raise DataError(f"{path}: no such file; check the path")
    if not path.is_file():
        raise DataError(f"{path}: is not a regular file; save its content in one")
    found = formats().get(ending(path))
    if found is None:
        raise DataError(f"{path}: unknown ending; give one of {endings()}")
    if path.stat().st_size == 0:
        raise DataError(f"{path}: is empty; give a file that holds comments")
    return found
