"""What distilling changed: comments that the students of all seeds judge otherwise than their teachers."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from retort.evaluation.bias import mentions
from retort.evaluation.disagreement import GroupShare, moved_by_compression, shares_by_group
from retort.evaluation.metrics import Array
from retort.report import display
from retort.report.comparison import Comparison
from retort.report.examples import Group, example
from retort.report.plots import Plot
from retort.report.run_folder import Judged, Run
from retort.report.tables import Cell, Column, Table

TITLE = "Where compression changed the verdict"
POSITION = 85
PLOTS: tuple[Plot, ...] = ()

_SHOWN = 10


@dataclass(frozen=True)
class Moved:
    """One student: which test comments its seeds judge otherwise than the teachers' majority.

    moved (n,) bool; labels: groups by positive label; identities: groups by mentioned identity.
    """

    arm: str
    moved: Array
    labels: list[GroupShare]
    identities: list[GroupShare]


def content(run: Run) -> dict[str, Any] | None:
    """Counts for every student and by group, and the comments; nothing with one seed."""
    judged = run.judged()
    found = moved_by_student(run, judged)
    if not found:
        return None
    return {
        "seeds": len(run.comparison.seeds),
        "counts": _counts_table(run.comparison, judged, found),
        "tables": [(one.arm, _group_table(one, one.labels + one.identities)) for one in found if one.moved.any()],
        "groups": [group for one in found if (group := _examples(run, judged, one)).examples],
        "has_texts": run.texts is not None,
    }


def moved_by_student(run: Run, judged: Judged) -> list[Moved]:
    """For every student of two seeds or more; empty without one, or without a teacher or a test comment."""
    comparison, teacher = run.comparison, run.comparison.teacher
    students = [arm for arm in comparison.students if len(judged.scores[arm]) > 1]
    if teacher is None or not len(judged.labels):
        return []
    teachers = _verdicts(comparison, judged, teacher)
    found = []
    for arm in students:
        moved = moved_by_compression(_verdicts(comparison, judged, arm), teachers)
        found.append(Moved(arm, moved, *(shares_by_group(moved, groups) for groups in _groups(run))))
    return found


def _verdicts(comparison: Comparison, judged: Judged, arm: str) -> Array:
    """(S, n) bool, each seed at its own threshold."""
    thresholds = np.asarray(comparison.thresholds(arm))[:, None]
    return np.asarray(judged.scores[arm] >= thresholds)


def _groups(run: Run) -> tuple[dict[str, Array], dict[str, Array]]:
    """Test comments by positive label, and by mentioned identity where the run's data has identities."""
    task, test = run.comparison.task, run.test
    labels = {task.title(name): run.labels(test, name) == 1 for name in run.comparison.labels if name in test}
    identities = {
        name.replace("_", " "): mentions(test[name].to_numpy()) for name in task.identities.columns if name in test
    }
    return labels, identities


def _counts_table(comparison: Comparison, judged: Judged, found: list[Moved]) -> Table:
    """A row for each student: how many comments, and which side the raters are on."""
    columns = ("comments changed", "share of the test split", "raters with the student", "with the teacher")
    rows = []
    for one in found:
        student = _verdicts(comparison, judged, one.arm)[0]
        count, right = int(one.moved.sum()), int((one.moved & (student == (judged.labels == 1))).sum())
        share = display.percent(count / len(one.moved))
        rows.append((Cell(one.arm), *map(Cell, (display.whole(count), share, str(right), str(count - right)))))
    return Table(
        (Column("model", numeric=False), *map(Column, columns)),
        tuple(rows),
        "The students of every seed agree with each other, and more than half of their teachers on the other verdict, "
        "each at its own threshold.",
    )


def _group_table(one: Moved, groups: list[GroupShare]) -> Table:
    columns = ("test comments", "changed", "share changed", "against all")
    rows = [
        (
            Cell(group.name),
            Cell(display.whole(group.rows)),
            Cell(display.whole(group.moved)),
            Cell(display.percent(group.share), note=_interval(group)),
            Cell(
                display.NOTHING if group.relative is None else f"× {group.relative:.1f}",
                tone="unsure" if group.apart else "",
            ),
        )
        for group in groups
    ]
    overall = display.percent(float(one.moved.mean()))
    return Table(
        (Column("comments that are, or mention", numeric=False), *map(Column, columns)),
        tuple(rows),
        f"{one.arm}: of all test comments {overall} were changed. Marked: groups whose 95 % interval (Wilson) excludes "
        "that share; with many groups, about one in twenty is by chance.",
    )


def _interval(group: GroupShare) -> str:
    low, high = group.interval
    return f"{display.number(100 * low, 1)}–{display.percent(high)}"


def _examples(run: Run, judged: Judged, one: Moved) -> Group:
    """The changed comments with the largest gap between the mean scores of the students and of the teachers."""
    teacher = run.comparison.teacher
    assert teacher is not None, "students were compared with it"
    scores = {arm: np.asarray(judged.scores[arm].mean(axis=0)) for arm in (one.arm, teacher)}
    gaps = np.where(one.moved, np.abs(scores[one.arm] - scores[teacher]), -1.0)
    order = np.argsort(-gaps, kind="stable")[: min(_SHOWN, int(one.moved.sum()))]
    title = f"{one.arm} and {teacher}, means over the seeds"
    return Group(title, tuple(example(run, judged, int(index), scores) for index in order))
