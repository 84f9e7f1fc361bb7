"""A file of rated comments, read for a model that is to be compared with it."""

from collections.abc import Mapping
from pathlib import Path

from retort.data.comments import Comments
from retort.data.sources import read_file
from retort.errors import ModelError
from retort.inference.predictor import Classifier


def read_rated_file(classifier: Classifier, data: Path, columns: Mapping[str, str]) -> tuple[Comments, tuple[str, ...]]:
    """The comments of `data`, and the attributes that both it and the model have, in the model's order.

    columns: name -> header as named by the user. Raises DataError when the file is unfit or lacks the task's primary
    label, ModelError for a foreign model whose only label is not one of the task's.
    """
    task = classifier.task
    if classifier.primary not in task.names:
        raise ModelError(
            f"{classifier.arm}: its label {classifier.primary!r} is none of the task's ({', '.join(task.names)}); "
            "rename it in its config.json"
        )
    comments = read_file(data, task, columns)
    return comments, tuple(name for name in classifier.attributes if name in comments.attributes)
