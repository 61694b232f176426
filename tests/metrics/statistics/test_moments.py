import numpy as np
import pytest
from scipy import stats

from metrics.statistics.moments import hit_limits, limits, mean_p, moments, paired_hit_limits


def test_moments_by_hand():
    """0, 1, 5: mean 2, squares 4 + 1 + 9, cubes -8 - 1 + 27 = 18; error^2 14 / 6, third moment 18 / (3 x 2 x 1)."""
    found = moments([np.array([[0.0], [1.0], [5.0]])], [1.0])
    assert (found.n[0], found.mean[0], found.freedom[0]) == (3, 2, 2)
    assert found.error[0] == pytest.approx((14 / 6) ** 0.5)
    assert found.skew[0] == pytest.approx(3 / (14 / 6) ** 1.5)


def test_of_symmetric_values_all_is_students():
    values = np.concatenate([np.linspace(-1, 1, 16), [0.0]])[:, None] + 0.3
    found = moments([values], [1.0])
    expected = stats.ttest_1samp(values[:, 0], 0)
    assert mean_p(found)[0] == pytest.approx(expected.pvalue)
    for level in (0.95, 0.99):
        interval = expected.confidence_interval(level)
        assert np.ravel(limits(found, 1 - level)) == pytest.approx([interval.low, interval.high])


def test_two_groups_have_the_error_and_freedom_of_welch():
    random = np.random.default_rng(0)
    first, second = random.normal(1, 1, (12, 1)), random.normal(0, 3, (20, 1))
    found = moments([first, second], [1.0, -1.0])
    expected = stats.ttest_ind(first[:, 0], second[:, 0], equal_var=False)
    assert found.mean[0] / found.error[0] == pytest.approx(expected.statistic)
    assert found.freedom[0] == pytest.approx(expected.df)


def test_wider_levels_hold_narrower_ones_and_need_more_images():
    values = np.random.default_rng(1).exponential(size=(30, 1))
    (low, high), (lower, higher) = (limits(moments([values], [1.0]), alpha) for alpha in (0.05, 0.05 / 8))
    assert lower < low < high < higher
    twelve = moments([values[:12]], [1.0])
    assert np.isfinite(limits(twelve, 0.05)).all()
    assert np.isnan(limits(twelve, 0.05 / 8)).all()  # (2 / 3)^12 is more than 0.05 / 8


def test_a_long_tail_above_makes_a_low_mean_less_surprising_and_a_high_one_more_so():
    values = np.random.default_rng(2).exponential(size=(40, 1))
    values -= values.mean()
    error = values.std(ddof=1) / np.sqrt(40)
    below, above = (mean_p(moments([values + shift * error], [1.0]))[0] for shift in (-2.5, 2.5))
    assert below > 2 * stats.t.sf(2.5, 39) > above


def test_undefined_values_are_left_out_and_no_values_have_no_mean():
    values = np.array([[1.0], [np.nan], [3.0], [4.0]])
    found = moments([values], [1.0])
    assert found.mean[0] == pytest.approx(8 / 3)
    assert found.error[0] == pytest.approx(stats.sem([1, 3, 4]))
    empty = moments([np.empty((0, 1))], [1.0])
    assert np.isnan(empty.mean[0])
    assert np.isnan(limits(empty, 0.05)).all()


def test_limits_of_hits_stay_where_shares_are():
    zero, n = np.array([0.0, 20.0]), np.array([20.0, 20.0])
    low, high = hit_limits(zero, n, 0.05 / 8)
    assert low[0] == pytest.approx(0)
    assert high[1] == pytest.approx(1)
    low, high = paired_hit_limits(np.array([8.0]), np.array([0.0]), np.array([8.0]), 1e-9)
    assert -1 <= low[0] < high[0] <= 1
    assert np.isnan(hit_limits(np.array([3.0]), np.array([7.0]), 0.05)).all()
