"""The first stage: comments read, split and counted, ready for every arm."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from retort.data.comments import Comments
from retort.data.sources import read, read_file
from retort.data.splits import Splits, labels, make_splits, usable_attributes
from retort.recipes.experiment import ExperimentSettings
from retort.tasks import Task
from retort.text import fold

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Part:
    """One split. fractions and labels: (n, n_attributes), NaN where unrated."""

    ids: list[str]
    texts: list[str]
    fractions: Matrix
    labels: Matrix


@dataclass(frozen=True)
class Inputs:
    """What the arms are fitted and judged on; `attributes` name the columns, the primary one first."""

    attributes: tuple[str, ...]
    splits: Splits
    train: Part
    validation: Part
    test: Part
    unlabelled: list[str]
    reports: dict[str, dict[str, Any]]
    lines: list[str]
    notes: list[str]


def read_inputs(settings: ExperimentSettings, attributes: tuple[str, ...] | None = None) -> Inputs:
    """Reads and splits by `settings.data`; `attributes` (of a given teacher) overrides the settings'.

    Raises DataError for what cannot be used and ConfigError for more comments than there are.
    """
    data, task = settings.data, settings.task
    further = {
        name: read_file(path, task, data.columns)
        for name, path in (("validation", data.validation_file), ("test", data.test_file))
        if path is not None
    }
    taken = [text for part in further.values() for text in part.frame["text"]]
    comments = read(data, task, data.seed, taken=taken)
    unlabelled = read_file(data.unlabelled_file, task, data.columns, labelled=False) if data.unlabelled_file else None
    splits = make_splits(
        comments,
        data,
        task,
        data.seed,
        settings.label_threshold,
        validation=further.get("validation"),
        test=further.get("test"),
    )
    further_texts, dropped = _not_in(unlabelled, splits)
    usable, left_out = usable_attributes(splits, attributes or settings.attributes, task, settings.label_threshold)
    notes = [*splits.notes, *left_out]
    if dropped:
        notes.append(f"unlabelled: {dropped:,} comments dropped: duplicates, or already in a split")
    parts = {
        name: _part(splits.part(name), usable, settings.label_threshold) for name in ("train", "validation", "test")
    }
    read_from = {"comments": comments, **further} | ({"unlabelled": unlabelled} if unlabelled else {})
    return Inputs(
        attributes=usable,
        splits=splits,
        train=parts["train"],
        validation=parts["validation"],
        test=parts["test"],
        unlabelled=further_texts,
        reports={name: source.report.as_dict() for name, source in read_from.items()},
        lines=_lines(read_from, splits, task, usable, settings.label_threshold),
        notes=notes,
    )


def _not_in(unlabelled: Comments | None, splits: Splits) -> tuple[list[str], int]:
    """The unlabelled texts that are in no split, each once, and how many were dropped.

    The teacher's outputs for a test comment would otherwise reach the students before they are judged.
    """
    if unlabelled is None:
        return [], 0
    seen = {fold(text) for text in splits.frame["text"]}
    kept = []
    for text in unlabelled.frame["text"]:
        key = fold(text)
        if key not in seen:
            seen.add(key)
            kept.append(text)
    return kept, len(unlabelled.frame) - len(kept)


def _part(frame: pd.DataFrame, attributes: Sequence[str], threshold: float) -> Part:
    return Part(
        frame["id"].tolist(),
        frame["text"].tolist(),
        frame[list(attributes)].to_numpy(np.float32),
        labels(frame, attributes, threshold),
    )


def _lines(
    sources: dict[str, Comments], splits: Splits, task: Task, attributes: Sequence[str], threshold: float
) -> list[str]:
    lines = [line for source in sources.values() for line in source.report.lines()]
    if splits.duplicates:
        counts = ", ".join(f"{where} {count:,}" for where, count in splits.duplicates.items())
        lines.append(f"duplicates dropped: {counts}")
    for name, share in splits.shares(attributes, threshold).items():
        lines.append(f"{name}: {share['rows']:,} comments, {share[task.primary]:.1%} {task.primary} >= {threshold}")
    return lines
