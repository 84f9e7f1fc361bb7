"""Comments whose verdict compression changed: all students give one verdict, and most of their teachers the other.

With one seed such a comment may be chance in training; with several that agree, it is what distilling changed. Hooker
et al. (2020, "Characterising bias in compressed models", arXiv:2010.03058) call them compression-identified exemplars
(there the modal verdicts of both populations differ; here the students are unanimous, which is stricter), and find
that they are not spread evenly over the groups of the data.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from retort.evaluation.intervals import Interval, wilson
from retort.evaluation.metrics import Array


@dataclass(frozen=True)
class GroupShare:
    """One group of comments and those of them that were moved.

    rows: comments of the group, above 0; moved: how many of them; share: moved / rows, with its 95 % interval (Wilson);
    relative: the group's share over that of all comments (1: as often as any), None where no comment was moved.
    apart: whether the share of all comments is outside the interval.
    """

    name: str
    rows: int
    moved: int
    share: float
    interval: Interval
    relative: float | None
    apart: bool


def moved_by_compression(students: Array, teachers: Array) -> Array:
    """(n,) bool: every student gives one verdict, and more than half of the teachers the other.

    students: (S, n) bool, the verdicts of S >= 2 seeds; teachers: (T, n) bool, T >= 1. Raises ValueError for other
    shapes: one student alone says nothing about compression.
    """
    students, teachers = np.asarray(students, bool), np.asarray(teachers, bool)
    if students.ndim != 2 or teachers.ndim != 2 or students.shape[1:] != teachers.shape[1:]:
        raise ValueError(f"verdicts {students.shape} of students and {teachers.shape} of teachers; give (S, n), (T, n)")
    if len(students) < 2 or not len(teachers):
        raise ValueError(f"{len(students)} students and {len(teachers)} teachers; two and one are the fewest")
    positive, negative = students.all(axis=0), ~students.any(axis=0)
    for_positive = teachers.sum(axis=0)
    against = len(teachers) - for_positive
    return np.asarray((positive & (against > for_positive)) | (negative & (for_positive > against)))


def shares_by_group(moved: Array, groups: Mapping[str, Array]) -> list[GroupShare]:
    """How often the verdict was changed in each group, in the order of `groups`; those without comments are left out.

    moved: (n,) bool; groups: {name: (n,) bool}, which may overlap. Many groups make some differ by chance.
    """
    moved = np.asarray(moved, bool)
    overall = float(moved.mean()) if len(moved) else 0.0
    found = []
    for name, members in groups.items():
        members = np.asarray(members, bool)
        rows, count = int(members.sum()), int((moved & members).sum())
        if not rows:
            continue
        share = count / rows
        low, high = wilson(count, rows)
        relative = share / overall if overall else None
        found.append(GroupShare(name, rows, count, share, (low, high), relative, not low <= overall <= high))
    return found
