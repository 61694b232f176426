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


def hall(t, skew):
    """The transform written out as a polynomial."""
    return t + skew * t**2 / 3 + skew**2 * t**3 / 27 + skew / 6


def test_p_of_skewed_values_by_hand():
    """Eight times 0, and 1, 1, 2, 4, each less by 0.4: t and Hall's polynomial of it, with the caution of 200 / n^2."""
    values = np.array([0.0] * 8 + [1, 1, 2, 4]) - 0.4
    error, third = stats.sem(values), stats.kstat(values, 3) / 12**2  # of the mean: the third k-statistic over n^2
    found = moments([values[:, None]], [1.0])
    assert found.skew[0] == pytest.approx(third / error**3)
    assert found.decisive[0] == 4  # eight of twelve are equal
    assert found.freedom[0] == 3
    t = hall(values.mean() / error, third / error**3 * (1 + 200 / 4**2))
    assert mean_p(found)[0] == pytest.approx(2 * stats.t.sf(abs(t), 3))


def test_limits_of_skewed_values_are_students_on_the_short_side_and_halls_on_the_long_one():
    values = np.array([0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.7, 0.9, 1.5, 4.0])
    error = stats.sem(values)
    skew = stats.kstat(values, 3) / 10**2 / error**3 * (1 + 200 / 10**2)
    quantile = stats.t.ppf(0.975, 9)
    for sign in (1, -1):
        found = moments([sign * values[:, None]], [1.0])
        short, long = (bound[0] for bound in limits(found, 0.05)[::sign])
        assert short == pytest.approx(sign * (values.mean() - quantile * error))
        reach = (sign * long - values.mean()) / error
        assert reach > quantile
        assert hall(-reach, skew) == pytest.approx(-quantile)


def test_values_of_which_half_are_equal_all_decide():
    for equal, decisive in ((5, 10), (6, 4)):
        values = np.array([0.0] * equal + list(range(1, 11 - equal)))
        assert moments([values[:, None]], [1.0]).decisive[0] == decisive


def test_what_rounding_alone_tells_apart_is_equal():
    values = 0.3 + np.arange(20)[:, None] * 1e-12
    found = moments([values], [1.0])
    assert (found.error[0], found.skew[0], found.told[0]) == (0, 0, False)
    assert found.freedom[0] >= 1
    assert mean_p(moments([values], [1.0]))[0] == pytest.approx(0)  # of a mean that is sure not to be 0
    assert mean_p(moments([np.zeros((20, 1))], [1.0]))[0] == 1


def test_one_value_tells_nothing():
    one = moments([np.array([[2.0]])], [1.0])
    assert (one.told[0], mean_p(one)[0], one.freedom[0]) == (False, 1, 1)
    of_two = moments([np.array([[2.0], [3.0]]), np.array([[2.0]])], [0.5, 0.5])
    assert (of_two.n[0], of_two.mean[0], of_two.told[0]) == (3, 2.25, False)


def test_weights_count_to_the_power_of_the_moment():
    """0, 1, 5 with a weight of 2: the mean twice, the error twice, the skewness the same; of -1 it turns."""
    group = np.array([[0.0], [1.0], [5.0]])
    once, twice, turned = (moments([group], [weight]) for weight in (1.0, 2.0, -1.0))
    assert (twice.mean[0], turned.mean[0]) == (4, -2)
    assert twice.error[0] == pytest.approx(2 * once.error[0])
    assert (twice.skew[0], turned.skew[0]) == pytest.approx((once.skew[0], -once.skew[0]))


def test_limits_of_hits_by_hand():
    """Wilson of 5 in 20; Agresti and Min of 8 and 3 in 20: 5 / 22 and 1.96 sqrt(8 + 3 + 1 - 25 / 22) / 22 around it."""
    expected = stats.binomtest(5, 20).proportion_ci(0.99, method="wilson")
    found = np.ravel(hit_limits(np.array([5.0]), np.array([20.0]), 0.01))
    assert found == pytest.approx([expected.low, expected.high])
    low, high = paired_hit_limits(np.array([8.0]), np.array([3.0]), np.array([20.0]), 0.05)
    spread = 1.959964 * (12 - 25 / 22) ** 0.5 / 22
    assert (low[0], high[0]) == pytest.approx((5 / 22 - spread, 5 / 22 + spread), rel=1e-6)
    for count, told in ((7.0, False), (8.0, True)):
        for bounds in (hit_limits, lambda n, _, alpha: paired_hit_limits(n / 2, n / 4, n, alpha)):
            assert np.isfinite(bounds(np.array([count]), np.array([count]), 0.05)).all() == told
