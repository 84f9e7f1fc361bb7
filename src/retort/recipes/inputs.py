"""The first stage: comments read, split and counted, ready for every arm."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from retort.attributes import PRIMARY
from retort.config import ExperimentSettings
from retort.data.sources import Comments, read, read_file
from retort.data.splits import Splits, labels, make_splits, usable_attributes

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
    """All that the arms are fitted and judged on; `attributes` name the columns, the primary one first."""

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
    """Reads and splits as `settings.data` says; `attributes` (of a given teacher) overrides the settings'.

    Raises DataError for what cannot be used and ConfigError for more comments than there are.
    """
    data = settings.data
    comments = read(data, settings.seed)
    further = {
        name: read_file(path, data.columns)
        for name, path in (("validation", data.validation_file), ("test", data.test_file))
        if path is not None
    }
    unlabelled = read_file(data.unlabelled_file, data.columns, labelled=False) if data.unlabelled_file else None
    splits = make_splits(
        comments,
        data,
        settings.seed,
        settings.label_threshold,
        validation=further.get("validation"),
        test=further.get("test"),
    )
    asked = attributes or settings.attributes
    usable, notes = usable_attributes(splits, asked, settings.label_threshold)
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
        unlabelled=[] if unlabelled is None else unlabelled.frame["text"].tolist(),
        reports={name: source.report.as_dict() for name, source in read_from.items()},
        lines=_lines(read_from, splits, usable, settings.label_threshold),
        notes=[*splits.notes, *notes],
    )


def _part(frame: pd.DataFrame, attributes: Sequence[str], threshold: float) -> Part:
    return Part(
        frame["id"].tolist(),
        frame["text"].tolist(),
        frame[list(attributes)].to_numpy(np.float32),
        labels(frame, attributes, threshold),
    )


def _lines(sources: dict[str, Comments], splits: Splits, attributes: Sequence[str], threshold: float) -> list[str]:
    lines = [line for source in sources.values() for line in source.report.lines()]
    for name, share in splits.shares(attributes, threshold).items():
        lines.append(f"{name}: {share['rows']:,} comments, {share[PRIMARY]:.1%} {PRIMARY} >= {threshold}")
    return lines
