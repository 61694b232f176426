import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from metrics.statistics.intervals import (
    balanced_interval,
    balanced_mean,
    dataset_pxap,
    difference_interval,
    max_box_acc_v2,
    mean_band,
    mean_interval,
)


def test_interval_covers_the_true_mean_about_95_of_100_times():
    random = np.random.default_rng(0)
    hits = 0
    for _ in range(400):
        low, high = mean_interval(random.normal(1.0, 2.0, 40), 0)
        hits += low <= 1.0 <= high
    assert 0.91 <= hits / 400 <= 0.98  # 95 %, less what 40 images and 400 trials leave open


def test_interval_is_close_to_students_for_many_normal_values():
    values = np.random.default_rng(1).normal(size=500)
    expected = stats.t.interval(0.95, 499, values.mean(), stats.sem(values))
    assert mean_interval(values, 0) == pytest.approx(expected, abs=0.01)


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=30), st.integers(0, 10))
def test_interval_holds_the_mean_and_is_the_same_every_time(values, seed):
    low, high = mean_interval(values, seed)
    assert low <= np.mean(values) + 1e-9
    assert high >= np.mean(values) - 1e-9
    assert mean_interval(values, seed) == (low, high)


def test_no_spread_and_too_few_images():
    assert mean_interval([0.25, 0.25, 0.25], 0) == (0.25, 0.25)
    for few in ([], [0.5]):
        assert np.isnan(mean_interval(few, 0)).all()


def test_one_deviating_image_of_zeros_and_ones_still_has_an_interval():
    low, high = mean_interval([0.0] * 29 + [1.0], 0)
    assert 0 <= low < 1 / 30 < high < 0.3


def test_classes_weigh_the_same_whatever_their_number():
    assert balanced_mean([[1.0] * 90, [0.0] * 10]) == 0.5
    assert np.isnan(balanced_mean([[1.0], []]))
    low, high = balanced_interval([[1.0] * 90, [0.0] * 10], 0)
    assert (low, high) == (0.5, 0.5)
    random = np.random.default_rng(2)
    low, high = balanced_interval([random.normal(0, 1, 200), random.normal(4, 1, 20)], 0)
    assert low < 2 < high


def test_difference_of_unpaired_images():
    random = np.random.default_rng(3)
    first, second = random.normal(2, 1, 80), random.normal(1, 1, 60)
    expected = stats.ttest_ind(first, second, equal_var=False).confidence_interval(0.95)
    assert difference_interval(first, second, 0) == pytest.approx((expected.low, expected.high), abs=0.04)


def test_band_of_equal_curves_is_the_curve_and_its_width_shrinks_with_the_root_of_the_number():
    curve = np.linspace(1, 0, 5)
    low, high = mean_band(np.tile(curve, (6, 1)), 0)
    np.testing.assert_allclose([low, high], [curve, curve])
    random = np.random.default_rng(4)
    widths = [float(np.subtract(*mean_band(random.normal(size=(n, 3)), 0)[::-1]).mean()) for n in (50, 800)]
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.25)


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
    value, (low, high) = dataset_pxap(front, back, 0)
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
