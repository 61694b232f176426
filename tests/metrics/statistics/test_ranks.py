import numpy as np
import pytest
from scipy import stats

from metrics.statistics.ranks import hodges_lehmann, rank_biserial, signed_rank


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
