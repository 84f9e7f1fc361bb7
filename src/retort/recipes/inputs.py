"""The first stage: comments read, split and counted, ready for every arm."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from retort.data.augmentation import draw_neutral
from retort.data.comments import Comments
from retort.data.mentions import mentions_identity
from retort.data.sources import read, read_file
from retort.data.splits import Splits, labels, make_splits, usable_attributes
from retort.errors import ConfigError
from retort.recipes.experiment import ExperimentSettings
from retort.tasks import Task
from retort.text import fold

Matrix = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

# The report of what was added, among those of the files.
AUGMENT = "augment"


@dataclass(frozen=True)
class Part:
    """One split. fractions and labels: (n, n_attributes), NaN where unrated."""

    ids: list[str]
    texts: list[str]
    fractions: Matrix
    labels: Matrix

    def followed_by(self, other: "Part") -> "Part":
        """The comments of both."""
        return Part(
            self.ids + other.ids,
            self.texts + other.texts,
            np.concatenate([self.fractions, other.fractions]),
            np.concatenate([self.labels, other.labels]),
        )


@dataclass(frozen=True)
class Inputs:
    """What the arms are fitted and judged on; `attributes` name the columns, the primary one first.

    train: those of the split, and after them the sentences that `data.augment` adds, which are in no split. mentions,
    added: (n,) of the training comments and, after them, the unlabelled ones: which mention an identity (none where no
    arm asks for it), and which were added.
    """

    attributes: tuple[str, ...]
    splits: Splits
    train: Part
    validation: Part
    test: Part
    unlabelled: list[str]
    mentions: Flags
    added: Flags
    reports: dict[str, dict[str, Any]]
    lines: list[str]
    notes: list[str]


def read_inputs(settings: ExperimentSettings, attributes: tuple[str, ...] | None = None) -> Inputs:
    """Reads and splits by `settings.data`; `attributes` (of a given teacher) overrides the settings'.

    Raises DataError for what cannot be used, and ConfigError for more comments than there are or an augmentation
    without the labels that are learnt.
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
    usable, left_out = usable_attributes(splits, attributes or settings.attributes, task, settings.label_threshold)
    notes = [*splits.notes, *left_out]
    parts = {
        name: _part(splits.part(name), usable, settings.label_threshold) for name in ("train", "validation", "test")
    }
    # Folding millions of texts takes long; most runs have nothing to compare with them.
    asked = unlabelled is not None or data.augment != "none"
    seen = {fold(text) for text in splits.frame["text"]} if asked else set()
    added, naming, drawn = _added(settings, len(parts["train"].ids), usable, seen, notes)
    seen.update(map(fold, added.texts))
    further_texts, dropped = _not_in(unlabelled, seen)
    if dropped:
        notes.append(f"unlabelled: {dropped:,} comments dropped: duplicates, or already in a split")
    sizes = (len(parts["train"].ids), len(added.ids), len(further_texts))
    mentions = np.zeros(sum(sizes), np.bool_)
    if settings.weighs_mentions:
        mentions = np.concatenate([_mentions(splits, notes), naming, _mentions_by_words(further_texts)])
    read_from = {"comments": comments, **further} | ({"unlabelled": unlabelled} if unlabelled else {})
    return Inputs(
        attributes=usable,
        splits=splits,
        train=parts["train"].followed_by(added),
        validation=parts["validation"],
        test=parts["test"],
        unlabelled=further_texts,
        mentions=mentions,
        added=np.repeat([False, True, False], sizes),
        reports={name: source.report.as_dict() for name, source in read_from.items()} | drawn,
        lines=_lines(read_from, splits, task, usable, settings.label_threshold),
        notes=notes,
    )


def _added(
    settings: ExperimentSettings, train_rows: int, attributes: Sequence[str], seen: Collection[str], notes: list[str]
) -> tuple[Part, Flags, dict[str, Any]]:
    """What `data.augment` adds to the training comments, which of it names a group, and its report; adds to `notes`.

    seen: folded texts of all splits. Raises ConfigError when the sentences lack a label.
    """
    if settings.data.augment == "none":
        nothing = np.empty((0, len(attributes)), np.float32)
        return Part([], [], nothing, nothing), np.empty(0, np.bool_), {}
    drawn = draw_neutral(max(1, round(settings.data.augment_share * train_rows)), settings.data.seed, seen)
    if missing := [name for name in attributes if name not in drawn.frame]:
        raise ConfigError(
            f"data.augment = {settings.data.augment!r}: its sentences are not labelled for {', '.join(missing)}, which "
            f"the task {settings.task.name!r} learns; leave it out, or name other attributes"
        )
    part = _part(drawn.frame, attributes, settings.label_threshold)
    naming, count = np.asarray(drawn.frame["group"] != "", np.bool_), len(part.ids)
    harmful = naming & (part.labels == 1).any(axis=1)
    repeated = f"; {drawn.repeated:,} others are in a split already" if drawn.repeated else ""
    notes.append(
        f"augment: {count:,} of {drawn.available:,} written sentences added to the {train_rows:,} training comments "
        f"({count / train_rows:.1%} of them): {naming.sum() - harmful.sum():,} name a group harmlessly, "
        f"{harmful.sum():,} attack one, {count - naming.sum():,} name none{repeated}"
    )
    return part, naming, {AUGMENT: drawn.as_dict(settings.data.augment)}


def _mentions(splits: Splits, notes: list[str]) -> Flags:
    """Which comments of the training split mention an identity; adds to `notes`."""
    train = splits.part("train")
    found = mentions_identity(train["text"].tolist(), train[list(splits.identities)].to_numpy(np.float32))
    by = "identity columns, and by terms where they are empty" if splits.identities else "terms"
    notes.append(f"identity_weight: {found.sum():,} of {len(found):,} training comments mention an identity, by {by}")
    return found


def _mentions_by_words(texts: Sequence[str]) -> Flags:
    return mentions_identity(texts, np.empty((len(texts), 0), np.float32))


def _not_in(unlabelled: Comments | None, taken: Iterable[str]) -> tuple[list[str], int]:
    """The unlabelled texts that are not `taken` (folded), each once, and how many were dropped.

    The teacher's outputs for a test comment would otherwise reach the students before they are judged.
    """
    if unlabelled is None:
        return [], 0
    seen = set(taken)
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
