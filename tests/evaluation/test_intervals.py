import pytest

from retort.evaluation import intervals


def test_wilson_is_as_published():
    # Newcombe 1998, table I: 81/263 and 0/20.
    assert intervals.wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert intervals.wilson(0, 20) == pytest.approx((0, 0.1611), abs=1e-4)


def test_a_proportion_with_its_binomial_variance_has_wilsons_interval():
    variance = (81 / 263) * (1 - 81 / 263) / 263
    assert intervals.wilson_of_variance(81 / 263, variance, intervals.Z) == pytest.approx(intervals.wilson(81, 263))
    wider = intervals.wilson_of_variance(81 / 263, 2 * variance, intervals.Z)
    assert wider == pytest.approx(intervals.wilson(81 / 2, 263 / 2))


def test_the_logit_interval_stays_between_0_and_1_and_is_the_usual_one_for_small_errors():
    low, high = intervals.logit_interval(0.98, 0.01, intervals.Z)
    assert 0 < low < 0.98 < high < 1
    low, high = intervals.logit_interval(0.6, 1e-6, intervals.Z)
    assert (low, high) == pytest.approx((0.6 - intervals.Z * 1e-3, 0.6 + intervals.Z * 1e-3), abs=1e-5)


def test_a_perfect_ranking_of_few_comments_has_a_wide_interval():
    low, high = intervals.auc_interval(1.0, 3, 72)
    assert high == 1
    assert 0.3 < low < 0.95
    low, high = intervals.auc_interval(0.8, 40, 60)
    assert 0.69 < low < 0.72
    assert 0.87 < high < 0.89


def test_four_times_the_comments_halve_an_interval():
    assert intervals.comments_for_half_width(100, 0.4, 0.6, 0.05) == 400
