"""Comments that compression moves, against a count by hand and another implementation."""

import numpy as np
import pytest
from scipy import stats

from retort.evaluation.disagreement import moved_by_compression, shares_by_group

YES, NO = True, False


def test_a_comment_is_moved_when_all_students_agree_and_most_teachers_say_otherwise() -> None:
    students = np.array([[YES, YES, NO, NO, YES], [YES, NO, NO, NO, YES], [YES, YES, NO, NO, YES]])
    teachers = np.array([[NO, NO, YES, NO, YES], [NO, NO, YES, NO, NO], [YES, NO, YES, NO, YES]])
    # Most teachers against; students split; all teachers against; all alike; most teachers with the students.
    assert moved_by_compression(students, teachers).tolist() == [True, False, True, False, False]


def test_teachers_that_are_split_evenly_have_no_verdict_to_differ_from() -> None:
    students, teachers = np.array([[YES], [YES]]), np.array([[YES], [NO]])
    assert not moved_by_compression(students, teachers).any()


def test_moved_comments_are_those_of_modal_verdicts_where_students_are_unanimous() -> None:
    """Hooker et al. compare modal verdicts; scipy's mode, restricted to unanimous students, gives the same comments."""
    rng = np.random.default_rng(0)
    students, teachers = rng.random((3, 500)) < 0.4, rng.random((5, 500)) < 0.4
    modes = [stats.mode(verdicts.astype(int), axis=0).mode for verdicts in (students, teachers)]
    unanimous = (students == students[0]).all(axis=0)
    assert (moved_by_compression(students, teachers) == (unanimous & (modes[0] != modes[1]))).all()


def test_the_verdicts_of_positive_and_negative_play_the_same_part() -> None:
    rng = np.random.default_rng(1)
    students, teachers = rng.random((3, 200)) < 0.5, rng.random((3, 200)) < 0.5
    assert (moved_by_compression(students, teachers) == moved_by_compression(~students, ~teachers)).all()


@pytest.mark.parametrize(("students", "teachers"), [((1, 4), (1, 4)), ((2, 4), (0, 4)), ((2, 4), (2, 3)), ((4,), (4,))])
def test_one_student_alone_or_other_comments_are_refused(students, teachers) -> None:
    with pytest.raises(ValueError, match=r"give|fewest"):
        moved_by_compression(np.zeros(students, bool), np.zeros(teachers, bool))


def test_shares_by_group_are_counts_with_wilsons_interval_against_the_share_of_all() -> None:
    moved = np.zeros(200, bool)
    moved[:10] = True
    few, all_of_them = np.zeros(200, bool), np.ones(200, bool)
    few[5:25] = True
    one, whole = shares_by_group(moved, {"few": few, "none": np.zeros(200, bool), "all": all_of_them})
    assert (one.name, one.rows, one.moved, one.share, one.relative) == ("few", 20, 5, 0.25, 5.0)
    expected = stats.binomtest(5, 20).proportion_ci(method="wilson")
    assert one.interval == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert one.apart
    assert (whole.relative, whole.apart) == (1.0, False)


def test_where_nothing_moved_there_is_no_relative_share() -> None:
    (found,) = shares_by_group(np.zeros(5, bool), {"all": np.ones(5, bool)})
    assert (found.share, found.relative) == (0.0, None)
