"""Data files that may be gzipped: their names, and their unpacked bytes."""

import contextlib
import gzip
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from retort.errors import ResourceError


def is_packed(path: Path) -> bool:
    """Whether the file's name ends in .gz."""
    return path.suffix.lower() == ".gz"


def ending(path: Path) -> str:
    """The ending in lower case, without .gz: `.csv` of Comments.CSV.gz."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def unpacking(stored: BinaryIO, path: Path) -> BinaryIO:
    """The bytes of the open file `stored`, unpacked while they are read."""
    return cast(BinaryIO, gzip.GzipFile(fileobj=stored)) if is_packed(path) else stored


@contextlib.contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """An unpacked file to seek in: `path` itself, or a temporary copy. Raises ResourceError when the disk is full."""
    if not is_packed(path):
        yield path
        return
    with tempfile.NamedTemporaryFile(prefix="retort-", suffix=ending(path)) as plain:
        with gzip.open(path, "rb") as packed:
            try:
                shutil.copyfileobj(packed, plain)
                plain.flush()
            except OSError as error:
                if error.errno is None:  # gzip's own: the file is truncated
                    raise
                raise ResourceError(f"{plain.name}: {error.strerror}; unpack {path} where there is room") from error
        yield Path(plain.name)
