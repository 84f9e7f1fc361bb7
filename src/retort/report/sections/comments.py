"""The comments with the largest errors, and those where student and teacher differ most."""

import unicodedata
from dataclasses import dataclass
from typing import Any

import numpy as np

from retort.evaluation.metrics import Array
from retort.report.plots import Plot
from retort.report.run_folder import Judged, Run

TITLE = "Comments to look at"
POSITION = 90
PLOTS: tuple[Plot, ...] = ()

_SHOWN = 6
_LONGEST = 600
_LONGEST_MASK = 56


@dataclass(frozen=True)
class Example:
    """`verdict` is the word of the raters' label; `scores` are (name, share or probability); `mask` hides `text`."""

    id: str
    verdict: str
    text: str
    mask: str
    scores: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Group:
    """Examples under one heading."""

    title: str
    examples: tuple[Example, ...]


def content(run: Run) -> dict[str, Any]:
    """Groups of test comments, and whether their texts were kept."""
    return {"errors": largest_errors(run), "disagreements": disagreements(run), "has_texts": run.texts is not None}


def largest_errors(run: Run) -> list[Group]:
    """For every neural model, the test comments whose probability is furthest from the label."""
    judged = run.judged()
    gaps = {arm: np.abs(judged.scores[arm] - judged.labels) for arm in run.comparison.networks}
    groups = [Group(arm, _examples(run, judged, gap, (arm,))) for arm, gap in gaps.items()]
    return [group for group in groups if group.examples]


def disagreements(run: Run) -> list[Group]:
    """For every student, the test comments where its probability is furthest from the teacher's."""
    judged, teacher = run.judged(), run.comparison.teacher
    if teacher is None:
        return []
    gaps = {arm: np.abs(judged.scores[arm] - judged.scores[teacher]) for arm in run.comparison.students}
    groups = [Group(f"{arm} and {teacher}", _examples(run, judged, gap, (arm, teacher))) for arm, gap in gaps.items()]
    return [group for group in groups if group.examples]


def _examples(run: Run, judged: Judged, gaps: Array, arms: tuple[str, ...]) -> tuple[Example, ...]:
    # A stable sort keeps the order of the file for equal gaps, so that the page is the same every time.
    order = np.argsort(-gaps, kind="stable")[:_SHOWN]
    return tuple(_example(run, judged, int(index), arms) for index in order)


def _example(run: Run, judged: Judged, index: int, arms: tuple[str, ...]) -> Example:
    task = run.comparison.task
    text = readable((run.texts or {}).get(judged.ids[index], ""))
    scores = [("raters", float(judged.fractions[index])), *((arm, float(judged.scores[arm][index])) for arm in arms)]
    verdict = task.adjective if judged.labels[index] else task.negative_adjective
    return Example(judged.ids[index], verdict, text, masked(text), tuple(scores))


def readable(text: str) -> str:
    """One line without control characters or direction overrides, which could disturb the page; cut at 600."""
    kept = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in text)
    kept = "".join(c for c in kept if unicodedata.category(c) not in ("Cf", "Cs", "Co"))
    kept = " ".join(kept.split())
    return kept if len(kept) <= _LONGEST else kept[:_LONGEST].rstrip() + " …"


def masked(text: str) -> str:
    """A block for each letter, spaces kept, so that nothing can be read before the text is opened."""
    return " ".join("█" * len(word) for word in text.split())[:_LONGEST_MASK].rstrip()
