import math

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from metrics.statistics.intervals import mean_interval
from metrics.statistics.networks import VALUES, factor_levels, over_networks, own_mean


def values(table, *, data="d", strata=None, units=None) -> pd.DataFrame:
    """A table (networks, images) as tidy rows; networks n0, n1 ..."""
    array = np.asarray(table, dtype=float)
    return pd.DataFrame(
        [
            (f"n{n}", (units or {}).get(f"n{n}", f"n{n}"), data, f"{i:03}.jpg", strata[i] if strata else "", value)
            for n, row in enumerate(array)
            for i, value in enumerate(row)
        ],
        columns=VALUES,
    )


def drawn(networks: int, images: int = 40, seed: int = 0, means=None) -> np.ndarray:
    random = np.random.default_rng(seed)
    base = np.zeros(networks) if means is None else np.asarray(means)
    return base[:, None] + 0.2 * random.normal(size=(1, images)) + 0.2 * random.normal(size=(networks, images))


def test_two_networks_tell_nothing_of_a_third():
    found = over_networks(values(drawn(2)))
    assert (found.networks, found.units, found.images) == (2, 2, 40)
    assert found.why == "2 networks, and 3 are the least that tell of others"
    assert math.isnan(found.mean.mean)
    assert math.isnan(found.p_value)
    assert math.isnan(found.interval(0.05)[0])


def test_seven_images_tell_nothing_and_so_do_seven_that_differ():
    assert over_networks(values(drawn(4, 7))).why == "7 images with a difference, and 8 are the least"
    table = drawn(4, 40)
    table[:, 7:] = 0
    assert over_networks(values(table)).why == "7 images with a difference, and 8 are the least"
    table[:, 7] = 0.3
    assert over_networks(values(table)).why == ""


def test_the_prediction_is_wider_by_the_spread_of_networks():
    found = over_networks(values(drawn(5, means=[0, 0.1, 0.2, 0.3, 0.4])))
    half = stats.t.ppf(0.975, 4) * math.hypot(found.sd, found.mean.error)
    assert found.prediction(0.05) == pytest.approx((found.mean.mean - half, found.mean.mean + half))
    assert found.sd == pytest.approx(np.std([0, 0.1, 0.2, 0.3, 0.4], ddof=1), abs=0.05)
    assert found.sd_low < 0.158 < found.sd_high
    low, high = found.interval(0.05)
    assert low > found.prediction(0.05)[0]
    assert high < found.prediction(0.05)[1]
    assert found.interval(0.005)[1] > high
    assert found.interval(found.p_value)[0] == pytest.approx(0, abs=1e-6)


def test_the_sd_between_networks_is_chi_squared_less_the_error_of_their_means():
    found = over_networks(values(drawn(5, means=[0, 0.1, 0.2, 0.3, 0.4])))
    error = found.variances.rest / 40
    low, high = ((4 * (found.sd**2 + error) / stats.chi2.ppf(q, 4) - error) ** 0.5 for q in (0.975, 0.025))
    assert (found.sd_low, found.sd_high) == pytest.approx((low, high))


def test_without_the_odd_one_out():
    table = drawn(4, means=[0, 0, 0, 1.0])
    found = over_networks(values(table))
    assert found.influential == "n3"
    assert found.lowest == pytest.approx(table[:3].mean())
    assert found.highest == pytest.approx(max(np.delete(table, n, axis=0).mean() for n in range(4)))


def test_networks_of_one_trunk_are_one():
    table = drawn(5, means=[0, 0.1, 0.5, 0.5, 0.5])
    units = dict.fromkeys(("n2", "n3", "n4"), "trunk")
    found = over_networks(values(table, units=units))
    assert (found.networks, found.units) == (5, 3)
    assert found.mean.mean == pytest.approx((table[0].mean() + table[1].mean() + table[2:].mean()) / 3)
    assert over_networks(values(table)).mean.mean == pytest.approx(table.mean())


def test_undefined_values_are_left_out_and_counted():
    table = drawn(4)
    table[0, :5] = np.nan
    table[:, 39] = np.nan
    found = over_networks(values(table))
    assert (found.images, found.n_undefined) == (39, 9)
    assert math.isfinite(found.mean.error)


def test_every_stratum_counts_the_same():
    strata = ["cat"] * 30 + ["dog"] * 10
    table = np.random.default_rng(0).normal(size=(3, 40)) * 0.01
    table[:, 30:] += 1
    assert over_networks(values(table, strata=strata)).mean.mean == pytest.approx(0.5, abs=0.01)
    mean, low, high, n = own_mean(values(table[:1], strata=strata))
    assert n == 40
    assert mean == pytest.approx((table[0, :30].mean() + table[0, 30:].mean()) / 2)
    assert low < mean < high


def test_the_own_interval_of_a_network_is_that_over_its_images():
    table = drawn(1)
    assert own_mean(values(table)) == (pytest.approx(table.mean()), *mean_interval(table[0]), 40)
    assert all(math.isnan(number) for number in own_mean(values(table * np.nan))[:3])


def test_data_sets_that_differ_are_told_apart():
    one, two = drawn(4, seed=1), drawn(4, 30, seed=2)
    same = over_networks(pd.concat([values(one), values(two, data="e")]))
    other = over_networks(pd.concat([values(one), values(two + 0.5, data="e")]))
    assert same.p_data > 0.05
    assert other.p_data < 1e-3
    assert other.data["d"].mean == pytest.approx(one.mean(), abs=1e-6)
    assert other.mean.mean == pytest.approx((one.mean() + two.mean() + 0.5) / 2, abs=1e-6)
    assert math.isnan(over_networks(values(one)).p_data)


def test_networks_that_turn_round_between_data_sets_make_the_mean_unsure():
    """The shift of a network between data sets is a part of what a new one may do."""
    shifts = np.array([0.5, -0.5, 0.5, -0.5])
    one, two = drawn(4, means=shifts, seed=1), drawn(4, means=-shifts, seed=2)
    found = over_networks(pd.concat([values(one), values(two, data="e")]))
    assert found.variances.cell == pytest.approx(shifts.var(ddof=1), abs=0.15)
    assert found.sd**2 == pytest.approx(found.variances.network + found.variances.cell / 2)


def test_a_factor_needs_two_levels_of_two_networks():
    table = drawn(6, means=[0, 0, 0, 1, 1, 5])
    levels = {"n0": "plain", "n1": "plain", "n2": "plain", "n3": "smooth", "n4": "smooth", "n5": "odd"}
    means, p = factor_levels(values(table), levels)
    assert {name: count for name, (count, _) in means.items()} == {"plain": 3, "smooth": 2}
    assert means["plain"][1].mean == pytest.approx(table[:3].mean(), abs=1e-6)
    assert means["smooth"][1].mean == pytest.approx(table[3:5].mean(), abs=1e-6)
    assert p < 0.01
    none, p = factor_levels(values(table), {"n0": "a", "n1": "a", "n2": "a", "n3": "b"})
    assert none == {}
    assert math.isnan(p)


def test_a_factor_without_effect_is_no_finding():
    levels = {"n0": "a", "n1": "a", "n2": "b", "n3": "b"}
    p = [factor_levels(values(drawn(4, 20, seed, means=drawn(4, 1, 99 + seed)[:, 0])), levels)[1] for seed in range(40)]
    assert np.mean(np.array(p) < 0.05) <= 0.1
