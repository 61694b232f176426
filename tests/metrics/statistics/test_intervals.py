import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from metrics.statistics.bootstrap import weighted
from metrics.statistics.intervals import (
    balanced_interval,
    balanced_mean,
    change_interval,
    dataset_pxap,
    difference_interval,
    max_box_acc_v2,
    mean_band,
    mean_interval,
    mean_intervals,
)


def test_interval_is_students_where_nothing_is_skewed():
    values = np.tile([-1.0, 0.5, -0.5, 1.0], 5)
    expected = stats.t.interval(0.95, 19, 0, stats.sem(values))
    assert mean_interval(values) == pytest.approx(expected)


def test_interval_reaches_further_to_the_side_of_the_long_tail():
    values = np.random.default_rng(1).exponential(size=60)
    low, high = mean_interval(values)
    assert high - values.mean() > 1.1 * (values.mean() - low)


@given(st.lists(st.floats(-1, 1), min_size=8, max_size=30))
def test_interval_holds_the_mean_or_is_none(values):
    low, high = mean_interval(values)
    assert np.isnan(low) == np.isnan(high)
    assert not low > np.mean(values) + 1e-9
    assert not high < np.mean(values) - 1e-9


def test_columns_do_not_depend_on_each_other():
    values = np.random.default_rng(5).normal(size=(20, 3))
    values[:5, 1] = np.nan
    low, high = mean_intervals(values)
    for column in range(3):
        own = values[:, column]
        assert mean_interval(own[~np.isnan(own)]) == pytest.approx((low[column], high[column]))


def test_no_spread_and_too_few_images():
    assert np.isnan(mean_interval([0.25] * 20)).all()
    for few in ([], [0.5], list(np.arange(7) / 7), [1.0] * 7):
        assert np.isnan(mean_interval(few)).all()
    assert not np.isnan(mean_interval(np.arange(8) / 8)).any()


def test_seven_images_that_differ_from_all_others_decide_no_interval():
    assert np.isnan(mean_interval([0.0] * 30 + list(np.arange(1, 8) / 9))).all()
    assert not np.isnan(mean_interval([0.0] * 30 + list(np.arange(1, 9) / 9))).any()


def test_hits_have_wilsons_interval_even_where_all_are_hits():
    expected = stats.binomtest(1, 30).proportion_ci(method="wilson")
    assert mean_interval([0.0] * 29 + [1.0]) == pytest.approx((expected.low, expected.high))
    low, high = mean_interval([1.0] * 20)
    assert (high, low < 0.9) == (pytest.approx(1), True)


def test_changes_of_hits_by_hand():
    """Three gained, one lost of 20: (3 - 1) / 22, and 1.96 sqrt((3 + 1 + 1 - 4 / 22) / 22^2) around it."""
    low, high = change_interval([[1.0] * 3 + [-1.0] + [0.0] * 16])
    spread = 1.959964 * np.sqrt(5 - 4 / 22) / 22
    assert (low, high) == pytest.approx((2 / 22 - spread, 2 / 22 + spread), rel=1e-5)
    assert change_interval([np.arange(9.0)]) == pytest.approx(mean_interval(np.arange(9.0)))


def test_classes_weigh_the_same_whatever_their_number():
    assert balanced_mean([[1.0] * 90, [0.0] * 10]) == 0.5
    assert np.isnan(balanced_mean([[1.0], []]))
    random = np.random.default_rng(2)
    low, high = balanced_interval([random.normal(0, 1, 200), random.normal(4, 1, 20)])
    assert low < 2 < high


def test_difference_of_unpaired_images():
    random = np.random.default_rng(3)
    first, second = random.normal(2, 1, 80), random.normal(1, 1, 60)
    expected = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert difference_interval(first, second) == pytest.approx((expected.low, expected.high), abs=0.04)


def test_band_of_equal_curves_is_the_curve_and_its_width_shrinks_with_the_root_of_the_number():
    curve = np.linspace(1, 0, 5)
    low, high = mean_band(np.tile(curve, (8, 1)), 0)
    np.testing.assert_allclose([low, high], [curve, curve])
    assert np.isnan(mean_band(np.tile(curve, (7, 1)), 0)).all()
    random = np.random.default_rng(4)
    widths = [float(np.subtract(*mean_band(random.normal(size=(n, 3)), 0)[::-1]).mean()) for n in (50, 800)]
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.25)


def test_a_band_leaves_a_fortieth_of_the_resamples_on_either_side():
    curves = np.random.default_rng(8).exponential(size=(9, 2))
    expected = np.quantile(weighted(9, 3, curves), [0.025, 0.975], axis=0)
    np.testing.assert_array_equal(mean_band(curves, 3), expected)


def plain_average_precision(labels: np.ndarray, values: np.ndarray) -> float:
    """Sum over thresholds, from the highest value down, of precision times the step in recall."""
    total, recall = 0.0, 0.0
    for threshold in sorted(set(values), reverse=True):
        found = values >= threshold
        step = (found & labels).sum() / labels.sum()
        total += (step - recall) * (found & labels).sum() / found.sum()
        recall = step
    return total


def test_pooled_average_precision_equals_a_plain_loop():
    random = np.random.default_rng(5)
    values, labels = random.integers(0, 256, (6, 300)), random.random((6, 300)) < 0.3
    front, back = (
        np.stack([np.bincount(v[m], minlength=256) for v, m in zip(values, mask, strict=True)])
        for mask in (labels, ~labels)
    )
    value, interval = dataset_pxap(front, back, 0)
    assert np.isnan(interval).all()  # six images
    repeated, (low, high) = dataset_pxap(np.tile(front, (2, 1)), np.tile(back, (2, 1)), 0)
    assert repeated == pytest.approx(value)
    spread = values + random.random(values.shape) * (values > 0)  # inside a bin the values differ, but for the lowest
    assert value == pytest.approx(plain_average_precision(labels.ravel(), spread.ravel()), abs=2e-3)
    assert low < value < high


def test_box_accuracy_by_hand():
    """Best shares of images over both thresholds: 2/3 at IoU 0.3, 2/3 at 0.5, 1/3 at 0.7."""
    value, _ = max_box_acc_v2([[0.8, 0.6], [0.4, 0.6], [0.2, 0.0]], 0)
    assert value == pytest.approx((2 / 3 + 2 / 3 + 1 / 3) / 3)


def test_one_image_and_none_have_no_interval():
    value, interval = max_box_acc_v2([[0.8, 0.6]], 0)
    assert value == 1
    assert np.isnan(interval).all()
    assert np.isnan(max_box_acc_v2(np.empty((0, 2)), 0)[0])


def test_two_maps_of_one_image_are_one_image():
    ious = np.random.default_rng(6).random((10, 4))
    names = [f"{place // 2}" for place in range(20)]
    assert max_box_acc_v2(np.repeat(ious, 2, axis=0), 0, names) == max_box_acc_v2(ious, 0)
    counts = np.random.default_rng(7).integers(1, 9, (10, 6))
    twice = np.repeat(counts, 2, axis=0)
    assert dataset_pxap(twice, twice[::-1], 0, names)[0] == pytest.approx(dataset_pxap(counts, counts[::-1], 0)[0])
