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
    at_level,
    friedman,
    holm,
    paired,
    paired_columns,
    paired_tables,
    verdict,
)
from metrics.statistics.mean_test import mcnemar
from metrics.statistics.moments import paired_hit_limits

VALUES = st.lists(st.integers(-20, 20).map(lambda n: n / 4), min_size=2, max_size=7)


def test_a_comparison_by_hand():
    """Differences 1, 2, -1, 4: ranks of |d| 1.5, 3, 1.5, 4."""
    found = paired([2, 4, 1, 6], [1, 2, 2, 2], seed=0)
    assert (found.n, found.mean_difference, found.win_rate) == (4, 1.5, 0.75)
    assert found.rank_biserial == pytest.approx((1.5 + 3 - 1.5 + 4) / 10)
    assert found.hodges_lehmann == pytest.approx(np.median([1, 2, -1, 4, 1.5, 0, 2.5, 0.5, 3, 1.5]))
    assert found.p_value == 6 / 16  # signs that make a sum of 6 or more in size
    assert math.isnan(found.ci_low)  # four images: no interval, and nothing that they could have shown
    assert math.isnan(found.detectable)


def test_what_could_have_been_shown_by_hand():
    """Twenty images of error 0.1: (t_0.975 + t_0.8) 0.1 (1 + 2 / 20 + (7.39 / 20)^4 / 2); (2/3)^7.39 is 0.05.

    More where eight are tested.
    """
    values = np.tile([-1.0, 1.0], 10) * 0.1 * math.sqrt(19)
    found = paired(values, np.zeros(20), 0)
    assert found.detectable == pytest.approx((stats.t.ppf(0.975, 19) + stats.t.ppf(0.8, 19)) * 0.1 * 1.109313, rel=1e-5)
    of_eight = at_level(found, 0.05 / 8)
    assert of_eight.detectable > found.detectable
    assert of_eight.ci_high > found.ci_high
    assert of_eight.p_value == found.p_value


def test_what_shares_of_hits_could_have_shown_by_hand():
    """Of 40 images: at least six on one side, 6 drawn with 80 % chance; more where both sides have some.

    With 30 that differ (2.80 sqrt(31) + 1) / 40; with 6 that differ the share p of which 40 images give six or more
    with a chance of 0.8.
    """
    first, second = np.zeros(40), np.zeros(40)
    first[:20], second[20:30] = 1, 1
    z = stats.norm.ppf(0.975) + stats.norm.ppf(0.8)
    assert paired(first, second, 0).detectable == pytest.approx((z * math.sqrt(31) + 1) / 40)
    first[6:], second[:] = 0, 0
    share = paired(first, second, 0).detectable
    assert stats.binom.sf(5, 40, share) == pytest.approx(0.8)
    assert at_level(paired(first, second, 0), 0.05 / 8).detectable > share  # nine on one side
    assert math.isfinite(paired(np.ones(6), np.zeros(6), 0).detectable)
    assert math.isnan(paired(np.ones(5), np.zeros(5), 0).detectable)  # five of five have p = 2 / 32


def test_a_level_of_hits_and_of_nothing():
    first, second = [1.0] * 12 + [0.0] * 8, [0.0] * 9 + [1.0] * 3 + [0.0] * 6 + [1.0] * 2
    found = at_level(paired(first, second, 0), 0.01)
    low, high = paired_hit_limits(np.array([9.0]), np.array([2.0]), np.array([20.0]), 0.01)
    assert (found.ci_low, found.ci_high) == (low[0], high[0])
    assert (found.only_a, found.mean_difference) == (9, pytest.approx(7 / 20))
    nothing = paired([math.nan], [1.0], 0)
    assert at_level(nothing, 0.01) is nothing
    assert math.isnan(paired([1.0, 0.5], [0.0, 0.0], 0).only_a)  # no hits


def test_two_hits_a_class_are_not_compared_by_mcnemar_where_groups_are_given():
    first, second = np.array([1.0] * 12), np.array([0.0] * 11 + [1.0])
    assert paired(first, second, 0).p_value == mcnemar(11, 0) == 2 / 2**11
    of_groups = paired(first, second, 0, ["cat"] * 6 + ["dog"] * 6)
    assert of_groups.p_value >= (2 / 3) ** 11
    assert math.isnan(of_groups.only_a)


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


def test_hits_are_compared_by_mcnemar():
    first, second = [1.0] * 8 + [0.0] * 4, [0.0] * 7 + [1.0] * 5
    found = paired(first, second, seed=0)
    only_first = sum(a > b for a, b in zip(first, second, strict=True))
    only_second = sum(a < b for a, b in zip(first, second, strict=True))
    expected = stats.binomtest(only_first, only_first + only_second).pvalue
    assert found.p_value == mcnemar(only_first, only_second) == pytest.approx(expected)
    assert mcnemar(0, 0) == 1.0
    assert (found.n, found.only_a) == (12, only_first)
    assert found.ci_low < found.mean_difference < found.ci_high


def test_columns_are_compared_as_if_alone():
    random = np.random.default_rng(3)
    first, second = random.normal(size=(2, 15, 3))
    first[:4, 1] = np.nan
    second[:, 2] = np.nan
    together = paired_columns(first, second, 0)
    for place in range(3):
        alone = paired(first[:, place], second[:, place], 0)
        for name in ("n", "mean_difference", "ci_low", "p_value", "p_wilcoxon", "hodges_lehmann", "detectable"):
            assert getattr(together[place], name) == pytest.approx(getattr(alone, name), nan_ok=True)
    assert [one.n for one in together] == [15, 11, 0]


def test_the_test_is_of_the_balanced_mean_where_groups_are_given():
    """Ninety cats favour b, thirty dogs favour a by as much: the mean over both labels is 0."""
    random = np.random.default_rng(4)
    difference = np.concatenate([random.normal(-1, 0.1, 90), random.normal(1, 0.1, 30)])
    labels = ["cat"] * 90 + ["dog"] * 30
    assert paired(difference, np.zeros(120), 0).p_value < 0.01
    assert paired(difference, np.zeros(120), 0, labels).p_value > 0.1


def test_all_images_on_one_side_are_no_proof_before_there_are_eight():
    values = np.linspace(1, 1.2, 7)
    assert paired(values, np.zeros(7), 0).p_value == pytest.approx((2 / 3) ** 7)
    assert paired(np.linspace(1, 1.2, 8), np.zeros(8), 0).p_value < ALPHA


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
        (0.0, 0.01, "higher", "no difference shown"),  # the mean is 0, whatever the test says
    ],
)
def test_verdicts(shift, p, direction, said):
    noise = np.tile([-0.5, 0.5], 10)
    assert verdict(paired(noise + shift, np.zeros(20), seed=0), p, direction) == said


def test_the_headline_family_names_each_metric_once():
    assert len({metric for metric, _ in HEADLINE_FAMILY}) == len(HEADLINE_FAMILY)
    assert {role for _, role in HEADLINE_FAMILY} <= {*ROLES, "gap"}


def test_a_verdict_needs_mean_and_ranks_to_point_the_same_way():
    """118 of 132 images favour b by a little, 14 favour a by so much that the mean does, too."""
    random = np.random.default_rng(0)
    difference = np.concatenate([-random.uniform(0.01, 0.02, 118), random.uniform(0.8, 1.0, 14)])
    found = paired(difference, np.zeros(132), 0)
    assert found.p_wilcoxon < 1e-6
    assert found.p_value < ALPHA
    assert found.ci_low > 0
    assert found.rank_biserial < 0
    for direction in ("higher", "lower", "none"):
        assert verdict(found, found.p_value, direction) == "mixed"


def test_tables_together_find_what_each_finds_alone(monkeypatch):
    random = np.random.default_rng(8)
    tables = []
    for n, m in ((30, 3), (30, 2), (14, 1), (0, 2)):
        first, second = random.normal(0, 1, (n, m)), random.normal(0.2, 1, (n, m))
        first[: n // 10, 0] = np.nan
        tables.append((first, second, None, 199))
    alone = [paired_columns(first, second, 3, None, 199) for first, second, _, _ in tables]
    for together in (1, 70, 1 << 20):  # values held at once: nothing depends on it
        monkeypatch.setattr("metrics.statistics.comparison.TOGETHER", together)
        found = paired_tables(tables, 3)
        for table, own in zip(found, alone, strict=True):
            assert [one.p_value for one in table] == pytest.approx([one.p_value for one in own], nan_ok=True)
        assert [[one.n for one in table] for table in found] == [[27, 30, 30], [27, 30], [13], [0, 0]]
