import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from metrics.registry import ROLES
from metrics.statistics.comparison import (
    ALPHA,
    HEADLINE_FAMILY,
    friedman,
    hodges_lehmann,
    holm,
    mcnemar,
    paired,
    rank_biserial,
    signed_rank,
    verdict,
)

VALUES = st.lists(st.integers(-20, 20).map(lambda n: n / 4), min_size=2, max_size=7)


def test_a_comparison_by_hand():
    """Differences 1, 2, -1, 4: ranks of |d| 1.5, 3, 1.5, 4."""
    found = paired([2, 4, 1, 6], [1, 2, 2, 2], seed=0)
    assert (found.n, found.mean_difference, found.win_rate) == (4, 1.5, 0.75)
    assert found.rank_biserial == pytest.approx((1.5 + 3 - 1.5 + 4) / 10)
    assert found.hodges_lehmann == pytest.approx(np.median([1, 2, -1, 4, 1.5, 0, 2.5, 0.5, 3, 1.5]))
    assert found.ci_low < 1.5 < found.ci_high
    assert found.detectable == pytest.approx((1.959964 + 0.841621) * np.std([1, 2, -1, 4], ddof=1) / 2, rel=1e-6)


@given(VALUES, st.integers(0, 3))
def test_swapping_the_methods_turns_every_sign_and_keeps_the_p_value(values, seed):
    zeros = [0.0] * len(values)
    one, other = paired(values, zeros, seed), paired(zeros, values, seed)
    assert one.mean_difference == pytest.approx(-other.mean_difference)
    assert one.hodges_lehmann == pytest.approx(-other.hodges_lehmann)
    assert one.rank_biserial == pytest.approx(-other.rank_biserial)
    assert one.win_rate == pytest.approx(1 - other.win_rate)
    assert one.p_value == pytest.approx(other.p_value)


def test_undefined_values_leave_the_pair_out():
    found = paired([1.0, math.nan, 3.0], [0.5, 0.0, math.nan], seed=0)
    assert (found.n, found.mean_difference) == (1, 0.5)
    nothing = paired([math.nan], [1.0], seed=0)
    assert nothing.n == 0
    assert math.isnan(nothing.p_value)


def test_groups_count_the_same_whatever_their_size():
    found = paired([1, 1, 1, 5], [0, 0, 0, 0], seed=0, groups=["cat", "cat", "cat", "dog"])
    assert found.mean_difference == 3


def test_differences_in_the_last_digits_are_ties():
    found = paired([0.5 + 1e-9, 0.25 - 1e-9, 0.75], [0.5, 0.25, 0.75], seed=0)
    assert (found.p_value, found.win_rate, found.rank_biserial) == (1.0, 0.5, 0.0)


def test_zeros_are_ranked_as_pratt_says():
    differences = np.array([0.0, 0.0, 1.0, 2.0, -3.0, 4.0])
    assert signed_rank(differences) == stats.wilcoxon(differences, zero_method="pratt").pvalue
    assert rank_biserial(differences) == pytest.approx((3 + 4 - 5 + 6) / 18)  # zeros take ranks 1 and 2
    assert signed_rank(np.zeros(4)) == 1.0


def test_hits_are_compared_by_mcnemar():
    first, second = [1.0] * 8 + [0.0] * 4, [0.0] * 7 + [1.0] * 5
    found = paired(first, second, seed=0)
    assert found.p_value == mcnemar(np.array(first), np.array(second)) == stats.binomtest(7, 11).pvalue
    assert mcnemar(np.ones(3), np.ones(3)) == 1.0


def test_the_shift_of_many_images_is_close_to_that_of_all():
    differences = np.random.default_rng(0).normal(0.3, 1, 4000)
    rows, columns = np.triu_indices(4000)
    everything = np.median((differences[rows] + differences[columns]) / 2)
    assert hodges_lehmann(differences, seed=0) == pytest.approx(everything, abs=0.03)


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, math.nan, 0.02]) == pytest.approx([0.5, math.nan, 0.04], nan_ok=True)
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_never_lowers_a_p_value_and_keeps_their_order(p_values):
    adjusted = holm(p_values)
    assert all(0 <= p <= q <= 1 for p, q in zip(p_values, adjusted, strict=True))
    order = np.argsort(p_values, kind="stable")
    assert (np.diff(np.array(adjusted)[order]) >= 0).all()


def test_friedman():
    values = np.random.default_rng(0).random((20, 3))
    assert friedman(values) == pytest.approx(stats.friedmanchisquare(*values.T.round(6)).pvalue)
    assert friedman(values + np.array([0, 0, 5])) < 0.001
    assert friedman(np.ones((5, 3))) == 1.0
    assert math.isnan(friedman(np.ones((1, 3))))


@pytest.mark.parametrize(
    ("shift", "p", "direction", "said"),
    [
        (1.0, 0.01, "higher", "better"),
        (1.0, 0.01, "lower", "worse"),
        (-1.0, 0.01, "lower", "better"),
        (1.0, 0.01, "none", "higher"),
        (-1.0, 0.01, "none", "lower"),
        (1.0, 0.05, "higher", "no difference shown"),
        (1.0, math.nan, "higher", "undefined"),
        (0.0, 0.01, "higher", "no difference shown"),  # the interval of the mean holds 0
    ],
)
def test_verdicts(shift, p, direction, said):
    noise = np.tile([-0.5, 0.5], 10)
    assert verdict(paired(noise + shift, np.zeros(20), seed=0), p, direction) == said


def test_the_headline_family_names_each_metric_once():
    assert len({metric for metric, _ in HEADLINE_FAMILY}) == len(HEADLINE_FAMILY)
    assert {role for _, role in HEADLINE_FAMILY} <= {*ROLES, "gap"}


def simulated(random: np.random.Generator, metrics: int, images: int) -> np.ndarray:
    """Skewed differences that depend on each other as metrics of one run do, symmetric around 0."""
    common = random.gamma(1.0, 1.0, (images, 1))
    return random.choice([-1, 1], (images, 1)) * (common + random.gamma(1.0, 0.5, (images, metrics)))


def test_a_method_against_itself_raises_the_familys_alarm_in_at_most_one_run_of_twenty():
    random, runs, images = np.random.default_rng(0), 600, 60
    alarms = 0
    for _ in range(runs):
        differences = simulated(random, len(HEADLINE_FAMILY), images)
        alarms += min(holm([signed_rank(column) for column in differences.T])) < ALPHA
    assert alarms / runs <= ALPHA + 2.33 * math.sqrt(ALPHA * (1 - ALPHA) / runs)
    assert alarms  # a test that never rejects would pass too


def test_a_planted_difference_is_covered_by_the_interval_93_to_97_times_of_100():
    random, runs, images = np.random.default_rng(1), 500, 120
    covered = 0
    for number in range(runs):
        values = random.beta(2, 3, images)
        shifted = values + 0.05 + random.normal(0, 0.2, images) * (0.5 + values)
        found = paired(shifted, values, seed=number)
        covered += found.ci_low <= 0.05 <= found.ci_high
    assert 0.93 <= covered / runs <= 0.97


def test_a_verdict_needs_mean_and_ranks_to_point_the_same_way():
    """118 of 132 images favour b by a little, 14 favour a by so much that the mean does, too."""
    random = np.random.default_rng(0)
    difference = np.concatenate([-random.uniform(0.01, 0.02, 118), random.uniform(0.8, 1.0, 14)])
    found = paired(difference, np.zeros(132), 0)
    assert found.p_value < 1e-6
    assert found.ci_low > 0
    assert found.rank_biserial < 0
    for direction in ("higher", "lower", "none"):
        assert verdict(found, found.p_value, direction) == "mixed"
