"""The Parquet files of a Hugging Face data set at one commit, on the hub or in its cache."""

import collections
import contextlib
import errno
import re
import threading
import urllib.error
import urllib.request
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from retort.errors import DataError, ResourceError, RetortError, first_line

# The commits read when no revision is given; other data sets are read at their newest one.
PINNED = {"google/civil_comments": "f2970eb3a55777454c94069077cc8d9b5866312d"}

# Together with the import of huggingface_hub this stays within five seconds.
REACH_SECONDS = 3.0
_COMMIT = re.compile("[0-9a-f]{40}")
_LOCAL = "give a local file with --data FILE, or take the quickstart preset, which needs no network"


@dataclass(frozen=True)
class HubFile:
    """One Parquet file: a local path, or a name to read from the hub."""

    name: str
    size: int
    path: Path | None


@dataclass(frozen=True)
class Repository:
    """A data set at one commit."""

    hub_id: str
    commit: str
    files: tuple[HubFile, ...]

    @property
    def name(self) -> str:
        """`owner/name@commit`."""
        return f"{self.hub_id}@{self.commit}"

    def files_of(self, split: str) -> tuple[HubFile, ...]:
        """The files of one split, by the usual names: `data/train-00000-of-00002.parquet`, `train/0000.parquet`."""
        files = tuple(file for file in self.files if _split_of(file.name) == split)
        if not files:
            raise DataError(f"{self.name}: no Parquet files of a split {split!r}; {_LOCAL}")
        return files

    def fetched(self, file: HubFile) -> HubFile:
        """The same file, downloaded whole to the Hugging Face cache."""
        import huggingface_hub

        path = huggingface_hub.hf_hub_download(
            self.hub_id, file.name, repo_type="dataset", revision=self.commit, etag_timeout=REACH_SECONDS
        )
        return replace(file, path=Path(path))

    def opened(self, file: HubFile) -> Any:
        """A seekable binary file; each read of a remote one fetches only the requested bytes."""
        if file.path is not None:
            return file.path.open("rb")
        import huggingface_hub

        path = f"datasets/{self.hub_id}@{self.commit}/{file.name}"
        return huggingface_hub.HfFileSystem().open(path, "rb", cache_type="none")


def _split_of(name: str) -> str | None:
    match = re.search(r"(?:^|/)(train|validation|test)(?:[-./][^/]*)?\.parquet$", name)
    return match[1] if match else None


def find_repository(hub_id: str, revision: str | None, needed: Sequence[str]) -> Repository:
    """The data set's Parquet files: from the cache when those of the needed splits are there, else on the hub.

    Without a `revision` the pinned commit, else the newest. Raises DataError when the hub is needed and out of reach.
    """
    from huggingface_hub import HfApi, constants

    revision = revision or PINNED.get(hub_id)
    cached = _cached(hub_id, revision, needed) if revision and _COMMIT.fullmatch(revision) else None
    if cached:
        return cached
    if constants.HF_HUB_OFFLINE:
        raise DataError(f"{hub_id}: not in the cache, and HF_HUB_OFFLINE forbids fetching it; {_LOCAL}")
    _check_reachable(hub_id, constants.ENDPOINT)
    info = HfApi().dataset_info(hub_id, revision=revision, files_metadata=True, timeout=10)
    files = tuple(
        HubFile(sibling.rfilename, sibling.size or 0, None)
        for sibling in sorted(info.siblings or [], key=lambda s: s.rfilename)
        if _split_of(sibling.rfilename)
    )
    return Repository(hub_id, str(info.sha), files)


def _cached(hub_id: str, commit: str, needed: Sequence[str]) -> Repository | None:
    """The data set from the Hugging Face cache, or None unless every file of the needed splits is there."""
    import huggingface_hub

    try:
        folder = Path(
            huggingface_hub.snapshot_download(hub_id, repo_type="dataset", revision=commit, local_files_only=True)
        )
    except (huggingface_hub.errors.LocalEntryNotFoundError, OSError):
        return None
    paths = sorted(path for path in folder.rglob("*.parquet") if _split_of(path.relative_to(folder).as_posix()))
    if not set(needed) <= _whole_splits(path.name for path in paths):
        return None
    files = [HubFile(path.relative_to(folder).as_posix(), path.stat().st_size, path) for path in paths]
    return Repository(hub_id, commit, tuple(files))


def _whole_splits(names: Iterable[str]) -> set[str]:
    """The splits with all their files, by the count in names like `train-00000-of-00002.parquet`."""
    found = [re.fullmatch(r"(train|validation|test)-\d+-of-(\d+).*\.parquet", name) for name in names]
    counts = collections.Counter((match[1], int(match[2])) for match in found if match)
    return {split for (split, wanted), count in counts.items() if count == wanted}


def _check_reachable(hub_id: str, endpoint: str) -> None:
    """Raises DataError when nothing answers: without this, a client without a network retries for half a minute."""
    failure: list[str] = ["no answer"]

    def request() -> None:
        try:
            urllib.request.urlopen(urllib.request.Request(endpoint, method="HEAD"), timeout=REACH_SECONDS)
        except urllib.error.HTTPError:
            pass  # any answer will do
        except (OSError, ValueError) as error:
            failure[:] = [str(getattr(error, "reason", None) or error)]
            return
        failure.clear()

    # A name look-up has no timeout, so it is left behind in a thread when it takes too long.
    thread = threading.Thread(target=request, daemon=True)
    thread.start()
    thread.join(REACH_SECONDS)
    if failure:
        raise DataError(f"{hub_id}: {endpoint} cannot be reached ({failure[0]}); {_LOCAL}")


@contextlib.contextmanager
def as_data_errors(hub_id: str) -> Iterator[None]:
    """Raises ResourceError for a full or read-only disk, and DataError for any failure of the network or the hub."""
    try:
        yield
    except RetortError:
        raise
    # The hub's client, its HTTP library, fsspec and pyarrow each raise classes of their own; all mean the same here.
    except Exception as error:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS):
            raise ResourceError(
                f"{hub_id}: {error.strerror} at {error.filename}; free some space, or set HF_HOME"
            ) from error
        raise DataError(f"{hub_id}: could not be read from the hub ({first_line(error)}); {_LOCAL}") from error
