"""One task: the labels of a comment in their order, their names everywhere, and the words of a verdict.

A task is read from TOML (this folder has an example) and written into every run and model folder. All that reads such
a folder takes labels and words from there: no other file spells a label.
"""

import functools
import tomllib
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, ValidationError, model_validator

from retort.errors import ModelError
from retort.strict import StrictModel, nearest, read_toml, validated

# The possible verdicts, independent of a task's words.
Outcome = Literal["positive", "negative", "unsure"]


def _one_line(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    if text != text.strip():
        raise ValueError("must not begin or end with a blank")
    if len(text.splitlines()) > 1:
        raise ValueError("must be one line")
    return text


def _not_empty(headers: tuple[str, ...]) -> tuple[str, ...]:
    if not headers:
        raise ValueError("must name at least one header")
    return headers


Line = Annotated[str, AfterValidator(_one_line)]
Headers = tuple[Line, ...]
LabelName = Annotated[str, Field(pattern="^[a-z][a-z0-9_]*$")]

# Columns of a data file that are no label.
TEXT, ID, SPLIT = "text", "id", "split"
_RESERVED = (TEXT, ID, SPLIT, "text_sha256", "verdict")


class Label(StrictModel):
    """One thing that a comment is rated for: a column of data files, a probability of models."""

    name: LabelName
    title: Line | None = Field(None, description="for people; the name with spaces when left out")
    headers: Headers = Field((), description="further headers that the column is known by")
    perspective: Line | None = Field(None, description="name in the Perspective API")


class VerdictWords(StrictModel):
    """The words of a verdict for people; in JSON and in files they are in lower case, with dashes for spaces."""

    positive: Line
    negative: Line
    unsure: Line = "Unsure"


class ColumnHeaders(StrictModel):
    """Headers under which the columns that are no label are found, in order of preference."""

    text: Annotated[Headers, AfterValidator(_not_empty)] = (TEXT,)
    id: Headers = (ID,)
    split: Headers = (SPLIT,)


class Identities(StrictModel):
    """Columns with the groups that a comment mentions, as shares of raters."""

    columns: tuple[LabelName, ...] = ()


class Task(StrictModel):
    """What is judged. `names` is the order of every probability array, table and file of the project."""

    name: LabelName
    meaning: Line = Field(description="a sentence on what a positive verdict means")
    primary: str = Field(description="the label that decides the verdict")
    label_threshold: Annotated[float, Field(gt=0, le=1)] = Field(
        0.5, description="a rating at or above it makes a positive label"
    )
    verdict: VerdictWords
    labels: Annotated[tuple[Label, ...], Field(min_length=1)]
    columns: ColumnHeaders = ColumnHeaders()
    identities: Identities = Identities()

    @model_validator(mode="after")
    def _fits(self) -> Self:
        names = [*self.names, *self.identities.columns]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"labels: two columns are called {name!r}; name each once")
            if name in _RESERVED:
                raise ValueError(f"labels: {name!r} is the name of another column; choose another")
        if self.primary not in self.names:
            known = f"{nearest(self.primary, self.names)}; labels are {', '.join(self.names)}"
            raise ValueError(f"primary = {self.primary!r}: no such label{known}")
        self._require_one_owner()
        if len(set(self.keys.values())) < len(self.keys):
            raise ValueError(f"verdict: its words must differ, these read {', '.join(self.keys.values())}")
        return self

    def _require_one_owner(self) -> None:
        """Raises ValueError when a header would be found for two columns, or two labels have one Perspective name."""
        owners: dict[str, str] = {}
        for column, headers in (self.headers | {name: (name,) for name in self.identities.columns}).items():
            for header in headers:
                other = owners.setdefault(header.casefold(), column)
                if other != column:
                    raise ValueError(f"header {header!r} is given to both {other!r} and {column!r}; keep it in one")
        named: dict[str, str] = {}
        for name, perspective in self.perspective_names.items():
            if named.setdefault(perspective, name) != name:
                raise ValueError(f"perspective {perspective!r} is given to both {named[perspective]!r} and {name!r}")

    @functools.cached_property
    def names(self) -> tuple[str, ...]:
        """The labels' names: the primary one first, the others in their order."""
        return tuple(sorted((label.name for label in self.labels), key=lambda name: name != self.primary))

    @functools.cached_property
    def headers(self) -> dict[str, tuple[str, ...]]:
        """Column (text, id, split, every label) -> the headers it is known by, its own name among them."""
        labels = {label.name: (label.name, *label.headers) for label in self.labels}
        return {TEXT: self.columns.text, ID: self.columns.id, SPLIT: self.columns.split} | labels

    @functools.cached_property
    def words(self) -> dict[Outcome, str]:
        """Each outcome as people read it, for example `Not spam`."""
        return {"positive": self.verdict.positive, "negative": self.verdict.negative, "unsure": self.verdict.unsure}

    @functools.cached_property
    def keys(self) -> dict[Outcome, str]:
        """Each outcome as programs read it, for example `not-spam`."""
        return {outcome: word.lower().replace(" ", "-") for outcome, word in self.words.items()}

    @property
    def adjective(self) -> str:
        """The positive verdict within a sentence, as in "12 ADJECTIVE comments"."""
        return self.verdict.positive.lower()

    @property
    def negative_adjective(self) -> str:
        """The negative verdict within a sentence."""
        return self.verdict.negative.lower()

    @functools.cached_property
    def perspective_names(self) -> dict[str, str]:
        """Label name -> its name in the Perspective API, for the labels that have one."""
        return {label.name: label.perspective for label in self.labels if label.perspective is not None}

    def title(self, name: str) -> str:
        """A label's name for people; one that the task does not know is written with spaces."""
        known = next((label.title for label in self.labels if label.name == name), None)
        return known or name.replace("_", " ")

    def in_order(self, names: Iterable[str]) -> tuple[str, ...]:
        """The given label names in the task's order; names that are no label are left out."""
        wanted = set(names)
        return tuple(name for name in self.names if name in wanted)

    def misfit(self, trained_for: "Task", labels: Iterable[str]) -> str | None:
        """Why a model that rates `labels` and was trained for another task object does not judge this one.

        None when it does: the names and primary labels of the two are equal, and this one has all of the model's
        labels. Titles, words, headers and thresholds do not matter, nor further labels of either.
        """
        if trained_for.name != self.name:
            return f"trained for the task {trained_for.name!r}, not for {self.name!r}"
        if trained_for.primary != self.primary:
            return f"its primary label is {trained_for.primary!r}, that of the task is {self.primary!r}"
        if unknown := [name for name in labels if name not in self.names]:
            return f"it rates {', '.join(unknown)}, which the task lacks; the task has {', '.join(self.names)}"
        return None

    def as_dict(self) -> dict[str, Any]:
        """For JSON and TOML; `recorded_task` reads it again."""
        return self.model_dump(mode="json", exclude_none=True)


@functools.cache
def default_task() -> Task:
    """The task that ships with the package. Model folders that record none were trained for it."""
    (packaged,) = (file for file in resources.files("retort.tasks").iterdir() if file.name.endswith(".toml"))
    return Task.model_validate(tomllib.loads(packaged.read_text("utf-8")))


def read_task(path: Path) -> Task:
    """A task from a TOML file. Raises ConfigError naming the file, the key and what is allowed."""
    return validated(Task, read_toml(path, "give a task as TOML with --task"), str(path))


def recorded_task(content: Mapping[str, Any] | None, where: object) -> Task:
    """The task that a run or model folder records; `where` is the file. None is a folder from before tasks.

    Raises ModelError when it is not as `Task.as_dict` writes it.
    """
    if content is None:
        return default_task()
    try:
        return Task.model_validate(content)
    except ValidationError as error:
        raise ModelError(
            f"{where}: its task is not as retort writes it ({error.errors()[0]['msg']}); take a whole copy"
        ) from error
