"""The comments with the largest errors, and those where student and teacher differ most."""

from typing import Any

import numpy as np

from retort.evaluation.metrics import Array
from retort.report.examples import Group, example
from retort.report.plots import Plot
from retort.report.run_folder import Judged, Run

TITLE = "Comments to look at"
POSITION = 90
PLOTS: tuple[Plot, ...] = ()

_SHOWN = 6


def content(run: Run) -> dict[str, Any]:
    """Groups of test comments, and whether their texts were kept."""
    return {"errors": largest_errors(run), "disagreements": disagreements(run), "has_texts": run.texts is not None}


def largest_errors(run: Run) -> list[Group]:
    """For every neural model, the test comments whose probability is furthest from the label."""
    judged = run.judged()
    gaps = {arm: np.abs(judged.first(arm) - judged.labels) for arm in run.comparison.networks}
    return _groups(run, judged, {arm: (gap, (arm,)) for arm, gap in gaps.items()})


def disagreements(run: Run) -> list[Group]:
    """For every student, the test comments where its probability is furthest from the teacher's."""
    judged, teacher = run.judged(), run.comparison.teacher
    if teacher is None:
        return []
    gaps = {arm: np.abs(judged.first(arm) - judged.first(teacher)) for arm in run.comparison.students}
    return _groups(run, judged, {f"{arm} and {teacher}": (gap, (arm, teacher)) for arm, gap in gaps.items()})


def _groups(run: Run, judged: Judged, chosen: dict[str, tuple[Array, tuple[str, ...]]]) -> list[Group]:
    """A group for each title of `chosen`, {title: (gaps (n,), arms)}; the largest gaps first."""
    groups = []
    for title, (gaps, arms) in chosen.items():
        # A stable sort keeps the order of the file for equal gaps, so that the page is the same every time.
        order = np.argsort(-gaps, kind="stable")[:_SHOWN]
        scores = {arm: judged.first(arm) for arm in arms}
        groups.append(Group(title, tuple(example(run, judged, int(index), scores) for index in order)))
    return [group for group in groups if group.examples]
