"""The comments that models got most wrong, and those where a student left its teacher most."""

import unicodedata
from dataclasses import dataclass

import numpy as np

from retort.evaluation.metrics import Array
from retort.report.source import Run

_SHOWN = 6
_LONGEST = 600
_MASKED = 56


@dataclass(frozen=True)
class Example:
    """`scores` are (name, probability) pairs; `mask` has the shape of the text and nothing else of it."""

    id: str
    label: bool
    fraction: float
    text: str
    mask: str
    scores: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Group:
    """Examples under one heading."""

    title: str
    examples: tuple[Example, ...]


def largest_errors(run: Run) -> list[Group]:
    """For every neural model, the test comments whose probability is furthest from the label."""
    judged = run.test(run.primary)
    groups = []
    for arm in run.learned:
        gaps = np.abs(judged.scores[arm] - judged.labels)
        groups.append(Group(arm, _examples(run, gaps, (arm,))))
    return [group for group in groups if group.examples]


def disagreements(run: Run) -> list[Group]:
    """For every student, the test comments where its probability is furthest from the teacher's."""
    judged = run.test(run.primary)
    teacher = next(iter(run.of_kind("teacher")), None)
    if teacher is None:
        return []
    groups = []
    for arm in run.of_kind("student"):
        gaps = np.abs(judged.scores[arm] - judged.scores[teacher])
        groups.append(Group(f"{arm} and {teacher}", _examples(run, gaps, (arm, teacher))))
    return [group for group in groups if group.examples]


def _examples(run: Run, gaps: Array, arms: tuple[str, ...]) -> tuple[Example, ...]:
    judged = run.test(run.primary)
    # Equal gaps keep the order of the file, so that the page is the same every time.
    order = np.argsort(-gaps, kind="stable")[:_SHOWN]
    texts = run.texts or {}
    return tuple(
        Example(
            id=judged.ids[i],
            label=bool(judged.labels[i]),
            fraction=float(judged.fractions[i]),
            text=readable(texts.get(judged.ids[i], "")),
            mask=masked(texts.get(judged.ids[i], "")),
            scores=tuple((arm, float(judged.scores[arm][i])) for arm in arms),
        )
        for i in order
    )


def readable(text: str) -> str:
    """One line without control characters or direction overrides, which could disturb the page; cut at 600."""
    kept = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
    kept = "".join(c for c in kept if unicodedata.category(c) not in ("Cf", "Cs", "Co"))
    kept = " ".join(kept.split())
    return kept if len(kept) <= _LONGEST else kept[:_LONGEST].rstrip() + " …"


def masked(text: str) -> str:
    """Blocks for letters, spaces kept: nothing can be read until the text is opened."""
    words = readable(text).split()
    return " ".join("█" * len(word) for word in words)[:_MASKED].rstrip()
