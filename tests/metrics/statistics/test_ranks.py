import numpy as np
import pytest
from scipy import stats

from metrics.statistics.ranks import hodges_lehmann, median_of_sums, rank_biserial, signed_rank


def test_zeros_are_ranked_as_pratt_says():
    differences = np.array([0.0, 0.0, 1.0, 2.0, -3.0, 4.0])[:, None]
    assert signed_rank(differences)[0] == stats.wilcoxon(differences[:, 0], zero_method="pratt").pvalue
    assert rank_biserial(differences)[0] == pytest.approx((3 + 4 - 5 + 6) / 18)  # zeros take ranks 1 and 2
    assert signed_rank(np.zeros((4, 1)))[0] == 1.0
    assert rank_biserial(np.zeros((4, 1)))[0] == 0.0


def test_every_column_on_its_own():
    differences = np.random.default_rng(0).normal(size=(11, 3))
    for found in (signed_rank(differences), rank_biserial(differences), hodges_lehmann(differences, 0)):
        assert len(set(found)) == 3
    assert hodges_lehmann(differences, 0)[1] == pytest.approx(hodges_lehmann(differences[:, [1]], 0)[0])


def test_the_shift_of_many_images_is_close_to_that_of_all():
    differences = np.random.default_rng(0).normal(0.3, 1, 3200)
    rows, columns = np.triu_indices(len(differences))
    everything = np.median((differences[rows] + differences[columns]) / 2)
    assert hodges_lehmann(differences[:, None], seed=0)[0] == pytest.approx(everything, abs=0.03)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 50, 331])
@pytest.mark.parametrize("kind", ["normal", "rounded", "hits", "mostly zero", "skewed"])
def test_the_median_of_sums_is_that_of_all_of_them(count, kind):
    random = np.random.default_rng(count)
    values = {
        "normal": random.normal(size=count),
        "rounded": random.normal(size=count).round(1),
        "hits": random.integers(-1, 2, count).astype(float),
        "mostly zero": np.where(random.random(count) < 0.7, 0.0, random.normal(size=count)),
        "skewed": random.exponential(size=count) ** 3,
    }[kind]
    rows, columns = np.triu_indices(count)
    assert median_of_sums(np.sort(values)) == np.median(values[rows] + values[columns])


def test_the_median_of_sums_of_values_that_every_other_misleads():
    values = np.sort(np.tile([0.0, 100.0], 200) + np.arange(400) / 1e6)
    misled = np.concatenate([values[:200] - 1e9 * (np.arange(200) % 2), values[200:] + 1e9 * (np.arange(200) % 2)])
    rows, columns = np.triu_indices(400)
    assert median_of_sums(np.sort(misled)) == np.median(misled[rows] + misled[columns])


@pytest.mark.parametrize("count", [2, 5, 9, 14, 50, 51, 90])
def test_wilcoxons_p_is_that_of_one_column_alone(count):
    random = np.random.default_rng(count)
    columns = [random.normal(size=count), random.integers(-2, 3, count), random.normal(size=count).round(1)]
    differences = np.stack(columns, axis=1).astype(float)
    expected = [stats.wilcoxon(own, zero_method="pratt").pvalue if own.any() else 1.0 for own in differences.T]
    assert signed_rank(differences).tolist() == expected
