import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from metrics.statistics import bootstrap
from metrics.statistics.bootstrap import RESAMPLES, bca_limits, multinomial, resamples, weighted


def of_scipy(groups: list[np.ndarray], weights: list[float], seed: int) -> tuple[float, float]:
    def statistic(*samples: np.ndarray, axis: int) -> np.ndarray:
        return sum(weight * sample.mean(axis=axis) for weight, sample in zip(weights, samples, strict=True))

    found = stats.bootstrap(
        groups, statistic, n_resamples=RESAMPLES, method="BCa", rng=np.random.default_rng(seed)
    ).confidence_interval
    return found.low, found.high


def exact(values: np.ndarray) -> np.ndarray:
    """Values whose sums are exact; else SciPy takes a resample of every image once for smaller or larger by chance."""
    return np.round(np.asarray(values, dtype=float) * 2**20) / 2**20


@given(st.integers(0, 20), st.integers(3, 60), st.sampled_from(["normal", "lognormal", "ties"]))
def test_limits_are_scipys_on_the_same_draws(seed, count, kind):
    random = np.random.default_rng([seed, count])
    values = {"normal": random.normal, "lognormal": random.lognormal, "ties": lambda size: random.integers(0, 3, size)}
    group = exact(values[kind](size=count))
    if np.ptp(group) == 0:
        group[0] += 1
    low, high = bca_limits([group[:, None]], [1.0], seed)
    assert (low[0], high[0]) == pytest.approx(of_scipy([group], [1.0], seed), rel=1e-12, abs=1e-12)


def test_limits_of_two_groups_are_scipys():
    random = np.random.default_rng(1)
    groups, weights = [exact(random.lognormal(size=23)), exact(random.normal(size=40))], [0.5, 0.5]
    low, high = bca_limits([group[:, None] for group in groups], weights, 3)
    assert (low[0], high[0]) == pytest.approx(of_scipy(groups, weights, 3), rel=1e-12)
    low, high = bca_limits([group[:, None] for group in groups], [1.0, -1.0], 3)
    assert (low[0], high[0]) == pytest.approx(of_scipy(groups, [1.0, -1.0], 3), rel=1e-12)


def test_every_column_is_its_own_statistic_on_the_same_resamples():
    values = np.random.default_rng(2).normal(size=(30, 4))
    together = bca_limits([values], [1.0], 0)
    for column in range(4):
        alone = bca_limits([values[:, [column]]], [1.0], 0)
        assert (together[0][column], together[1][column]) == pytest.approx((alone[0][0], alone[1][0]), rel=1e-12)


def test_draws_do_not_depend_on_the_block(monkeypatch):
    whole, drawn = resamples((37, 12), 5), multinomial(37, 5)
    resamples.cache_clear(), multinomial.cache_clear()
    monkeypatch.setattr(bootstrap, "DRAWN", 100)
    for a, b in zip(whole, resamples((37, 12), 5), strict=True):
        assert np.array_equal(a, b)
    assert np.array_equal(drawn, multinomial(37, 5))
    resamples.cache_clear(), multinomial.cache_clear()


def test_every_resample_has_as_many_images_as_there_are():
    assert (resamples((50,), 0)[0].sum(axis=1, dtype=int) == 50).all()
    assert (multinomial(50, 0).sum(axis=1, dtype=int) == 50).all()
    assert weighted(0, 0, np.empty((0, 3))).shape == (RESAMPLES, 3)


def test_a_count_that_does_not_fit_a_byte_is_no_small_number():
    with pytest.raises(OverflowError, match="takes one image 256 times"):
        bootstrap._bytes(np.array([256]))


def test_a_resample_of_every_image_once_is_a_tie_whatever_the_last_digits():
    """3.8 % of the resamples of five images; moving all values moves the limits and nothing else."""
    values = np.random.default_rng(3).normal(size=5)[:, None]
    expected = bca_limits([exact(values)], [1.0], 0)
    for shift in (0.1, 1 / 3, 1000.1):
        low, high = bca_limits([exact(values) + shift], [1.0], 0)
        assert (low[0] - shift, high[0] - shift) == pytest.approx((expected[0][0], expected[1][0]), abs=1e-9)


def test_percentiles_where_bca_is_undefined():
    """All resamples on one side: the bias is infinite."""
    values = np.array([0.0] * 5 + [1e-320])[:, None]
    low, high = bca_limits([values], [1.0], 0)
    assert np.isfinite([low[0], high[0]]).all()
