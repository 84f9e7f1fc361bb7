"""Where comments come from: a file, the hub, or the sample that comes with the package."""

from collections.abc import Iterable
from importlib import resources

from retort.config import ColumnNames, DataSettings
from retort.data.columns import Columns
from retort.data.comments import Comments, ReadReport
from retort.data.faults import Dropped
from retort.data.files import read_file
from retort.data.hub import read_hub
from retort.errors import DataError

__all__ = [
    "Columns", "Comments", "Dropped", "ReadReport", "read", "read_file", "read_hub", "read_sample",
]  # fmt: skip


def read(settings: DataSettings, seed: int, *, taken: Iterable[str] = ()) -> Comments:
    """The comments to train on (and to split) of the chosen source.

    From the hub only as many are read as `settings.comments` asks for, drawn with the seed; a file or the
    sample is read whole, and `splits.make_splits` draws. `taken` are the texts of given validation and test
    files: the hub draws other ones, so that none has to be dropped later. Raises DataError when the source is unfit.
    """
    if settings.source == "hub":
        return read_hub(
            settings.hub_id,
            settings.hub_revision,
            comments=settings.comments,
            seed=seed,
            official_splits=settings.official_splits,
            taken=taken,
            columns=settings.columns,
        )
    if settings.source == "file":
        if settings.train_file is None:
            raise DataError("data.source is 'file', but no file is named; give one with --data FILE")
        return read_file(settings.train_file, settings.columns)
    return read_sample()


def read_sample() -> Comments:
    """The comments written for this project (docs and data card stand beside them)."""
    with resources.as_file(resources.files("retort.data").joinpath("sample", "comments.csv")) as path:
        return read_file(path, ColumnNames(), source="sample")
