"""Where comments come from: a file, the hub, or the sample that comes with the package."""

import itertools
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path

from retort.config import DataSettings
from retort.data.checks import check
from retort.data.comments import Comments, gather
from retort.data.files import read_chunks
from retort.data.formats import format_of
from retort.data.hub import read_hub
from retort.errors import DataError
from retort.runs import data_sha256
from retort.tasks import Task
from retort.tasks.task import ID, TEXT


def read(settings: DataSettings, task: Task, seed: int, *, taken: Iterable[str] = ()) -> Comments:
    """The comments to train on (and to split) of the chosen source.

    From the hub only as many are read as `settings.comments` asks for, drawn with the seed; a file or the sample is
    read whole, and `splits.make_splits` draws. taken: the texts of given validation and test files; the hub draws
    others, so that none has to be dropped later. Raises DataError when the source is unfit.
    """
    if settings.source == "hub":
        return read_hub(
            settings.hub_id,
            settings.hub_revision,
            task,
            settings.columns,
            comments=settings.comments,
            seed=seed,
            official_splits=settings.official_splits,
            taken=taken,
        )
    if settings.source == "file":
        if settings.train_file is None:
            raise DataError("data.source is 'file', but no file is named; give one with --data FILE")
        return read_file(settings.train_file, task, settings.columns)
    return read_sample(task)


def read_file(
    path: Path, task: Task, columns: Mapping[str, str], *, labelled: bool = True, source: str | None = None
) -> Comments:
    """The comments of one file.

    columns: name (text, id, split or a label) -> header, where the task does not know the header. Without `labelled`
    labels are neither needed nor read. source: the file's name in the report. Raises ConfigError for an unknown name
    in `columns`, DataError for a file that is missing, unreadable or unfit, or has more than 1 % faulty rows.
    """
    format_of(path)  # a missing file is reported as such before it is hashed
    digest = data_sha256(path)
    chunks = read_chunks(path, task, columns, labelled=labelled)
    first = next(chunks)
    checked = map(check, itertools.chain([first], chunks))
    return gather(checked, first.columns, str(path), source=source, sha256=digest)


def read_sample(task: Task) -> Comments:
    """The comments written for this project; their data card is in the same folder.

    Raises DataError for a task whose primary label they lack.
    """
    with resources.as_file(resources.files("retort.data").joinpath("sample", "comments.csv")) as path:
        try:
            return read_file(path, task, {TEXT: "text", ID: "id"}, source="sample")
        except DataError as error:
            raise DataError(
                f"the embedded sample has no labels for the task {task.name!r}; give comments with --data FILE"
            ) from error
