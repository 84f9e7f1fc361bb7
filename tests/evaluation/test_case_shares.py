"""Shares of failed cases and their differences: known intervals and tests, and what templates change."""

import numpy as np
import pytest
from scipy import stats

from retort.evaluation.case_shares import cluster_sums, difference_of, share_of, sign_flip_p, tango
from retort.evaluation.intervals import wilson


def failed(count: int, cases: int) -> np.ndarray:
    return np.arange(cases) < count


@pytest.mark.parametrize(("count", "cases"), [(0, 5), (3, 10), (40, 40)])
def test_cases_that_stand_alone_have_wilsons_interval(count: int, cases: int) -> None:
    found = share_of(failed(count, cases), np.arange(cases))
    assert found.interval == wilson(count, cases)
    assert (found.cases, found.failed, found.share, found.templates) == (cases, count, count / cases, cases)


def test_cases_that_fail_with_their_template_count_as_one_each() -> None:
    templates = np.repeat(np.arange(20), 10)
    alike = np.repeat(failed(8, 20), 10)
    low, high = share_of(alike, templates).interval
    alone_low, alone_high = wilson(8, 20, float(stats.t.ppf(0.975, 19)))
    # 20 templates, with the degrees of freedom that 20 have.
    assert (low, high) == pytest.approx((alone_low, alone_high), abs=0.01)


def test_cases_that_fail_whatever_their_template_count_nearly_in_full() -> None:
    rng = np.random.default_rng(0)
    wrong = rng.random(2000) < 0.3
    low, high = share_of(wrong, np.repeat(np.arange(200), 10)).interval
    whole = wilson(int(wrong.sum()), 2000)
    assert high - low == pytest.approx(whole[1] - whole[0], rel=0.2)


def test_templates_that_all_pass_say_as_much_as_there_are_templates() -> None:
    _, high = share_of(failed(0, 50), np.repeat(np.arange(5), 10)).interval
    assert high == pytest.approx(wilson(0, 5, float(stats.t.ppf(0.975, 4)))[1])
    assert share_of(failed(0, 50), np.zeros(50, int)).interval[1] > 0.99


def test_the_interval_is_tangos() -> None:
    # Without a case that differs the limits are z² / (n + z²), in closed form.
    squared = stats.norm.ppf(0.975) ** 2
    assert tango(0, 0, 30) == pytest.approx((-squared / (30 + squared), squared / (30 + squared)))


@pytest.mark.parametrize(("a", "b", "cases"), [(12, 2, 44), (1, 5, 30), (0, 4, 9)])
def test_at_a_limit_the_likelihood_s_variance_puts_the_difference_just_in_reach(a: int, b: int, cases: int) -> None:
    for true in tango(a, b, cases):
        only_b = np.linspace(max(0.0, -true), (1 - true) / 2, 400_001)[1:-1]
        only_a = only_b + true
        likelihood = a * np.log(only_a) + b * np.log(only_b) + (cases - a - b) * np.log(1 - only_a - only_b)
        best = only_b[np.argmax(likelihood)]
        error = np.sqrt((2 * best + true * (1 - true)) / cases)
        assert abs((a - b) / cases - true) / error == pytest.approx(stats.norm.ppf(0.975), rel=1e-3)


@pytest.mark.parametrize(("a", "b"), [(0, 0), (5, 0), (0, 5), (10, 0), (0, 10), (3, 7)])
def test_an_interval_holds_its_difference_and_turns_with_the_models(a: int, b: int) -> None:
    low, high = tango(a, b, 10)
    assert -1 <= low <= (a - b) / 10 <= high <= 1
    assert high > low
    assert tango(b, a, 10) == pytest.approx((-high, -low), abs=1e-7)


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (6, 0), (9, 2), (5, 5), (1, 30)])
def test_without_templates_the_test_is_mcnemars_exact_one(only_a: int, only_b: int) -> None:
    a = np.array([True] * only_a + [False] * only_b + [True, False])
    b = np.array([False] * only_a + [True] * only_b + [True, False])
    found = difference_of(a, b, np.arange(len(a)))
    expected = stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert found.p_value == pytest.approx(expected)
    assert (found.only_a, found.only_b) == (only_a, only_b)
    assert found.difference == (only_a - only_b) / len(a)


def test_the_test_over_templates_counts_every_flip_of_signs() -> None:
    sums = np.array([3.0, -1.0, 4.0, 2.0, 0.0])
    signs = np.array(np.meshgrid(*[[-1, 1]] * 4)).reshape(4, -1)
    every = np.abs(signs.T @ np.abs(sums[:4]))
    assert sign_flip_p(sums) == pytest.approx(float((every >= 8).mean()))


def test_one_template_however_long_proves_nothing() -> None:
    a, b = np.ones(50, bool), np.zeros(50, bool)
    assert difference_of(a, b, np.arange(50)).p_value < 1e-12
    found = difference_of(a, b, np.zeros(50, int))
    assert found.p_value == 1.0
    assert found.interval[0] < 0


def test_sums_are_by_template_whatever_their_numbers() -> None:
    assert cluster_sums(np.array([1, 2, 3, 4]), np.array([70, 5, 70, 5])).tolist() == [6.0, 4.0]
