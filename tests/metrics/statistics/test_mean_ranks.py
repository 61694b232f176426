import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from metrics.statistics.mean_ranks import critical_difference, indistinct, mean_ranks

VALUES = np.array([[0.9, 0.5, 0.1], [0.2, 0.8, 0.2]])


def test_mean_ranks_by_hand():
    assert mean_ranks(VALUES, "higher").tolist() == [1.75, 1.5, 2.75]  # ties share 2.5
    assert mean_ranks(VALUES, "lower").tolist() == [2.25, 2.5, 1.25]


def test_no_image_no_rank():
    assert np.isnan(mean_ranks(np.empty((0, 2)), "higher")).all()


@given(hnp.arrays(float, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=6), elements=st.floats(0, 1)))
def test_ranks_of_all_rivals_add_up_and_turn_round(values):
    rivals = values.shape[1]
    assert mean_ranks(values, "higher").sum() == pytest.approx(rivals * (rivals + 1) / 2)
    assert mean_ranks(values, "higher") + mean_ranks(values, "lower") == pytest.approx(rivals + 1)


@pytest.mark.parametrize(("rivals", "quantile"), [(2, 1.960), (3, 2.343), (4, 2.569), (5, 2.728), (10, 3.164)])
def test_critical_difference_has_the_published_quantiles(rivals, quantile):
    # Table 5(a) of Demsar 2006
    expected = quantile * math.sqrt(rivals * (rivals + 1) / (6 * 30))
    assert critical_difference(rivals, 30) == pytest.approx(expected, rel=1e-3)


def test_rivals_that_are_alike_seldom_differ_by_more():
    random, rivals, images, runs = np.random.default_rng(0), 4, 50, 400
    alarms = 0
    for _ in range(runs):
        ranks = mean_ranks(random.random((images, rivals)), "higher")
        alarms += np.ptp(ranks) > critical_difference(rivals, images)
    assert alarms <= scipy.stats.binom.ppf(0.999, runs, 0.05)
    assert alarms > 0  # or it could never tell anything


@pytest.mark.parametrize(("rivals", "images"), [(1, 30), (0, 30), (3, 0)])
def test_nothing_to_compare(rivals, images):
    assert math.isnan(critical_difference(rivals, images))


def test_groups_are_the_largest_that_fit():
    ranks = np.array([1.0, 1.4, 1.8, 3.0, 3.9])
    assert indistinct(ranks, 0.9) == [(0, 2), (3, 4)]
    assert indistinct(ranks, 0.5) == [(0, 1), (1, 2)]
    assert indistinct(ranks, 0.1) == []
    assert indistinct(ranks, 9.0) == [(0, 4)]
