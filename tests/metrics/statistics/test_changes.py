import numpy as np
import pytest

from metrics.statistics.changes import change_points


@pytest.mark.parametrize("step", [0.1, -0.1])
def test_a_step_is_found_where_it_is(step):
    noise = 0.02 * np.random.default_rng(0).standard_normal(60)
    values = 1 + noise + step * (np.arange(60) >= 41)
    assert change_points(values) == [41]


def test_two_steps_and_back():
    values = np.r_[np.ones(20), np.full(20, 2.0), np.ones(20)] + 0.05 * np.random.default_rng(1).standard_normal(60)
    assert change_points(values) == [20, 40]


def test_a_series_without_noise_shows_the_smallest_step_above_rounding():
    assert change_points([0.5] * 20 + [0.501] * 5) == [20]
    assert change_points([0.5] * 20 + [0.5 + 1e-9] * 5) == []
    assert change_points([0.5] * 25) == []
    assert change_points([0.0] * 25) == []


def test_missing_nights_are_left_out_and_places_stay():
    values = [1.0] * 12 + [np.nan] * 2 + [2.0] * 12
    assert change_points(values) == [14]
    assert change_points([1.0] * 12 + [None] * 2 + [2.0] * 12) == [14]


def test_too_few_nights_say_nothing():
    assert change_points([1.0] * 4 + [2.0] * 5) == []
    assert change_points([np.nan] * 30) == []


@pytest.mark.parametrize("nights", [10, 20, 60, 400])
def test_noise_alone_steps_in_at_most_one_series_of_twenty(nights):
    random = np.random.default_rng(2)
    alarms = [bool(change_points(1 + 0.02 * random.standard_normal(nights))) for _ in range(300)]
    assert np.mean(alarms) <= 0.05


def test_one_outlier_is_no_new_level():
    values = 1 + 0.02 * np.random.default_rng(3).standard_normal(60)
    values[30] = 1.15
    assert change_points(values) == []
