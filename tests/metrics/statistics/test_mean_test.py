import numpy as np
import pytest
from scipy import stats

from metrics.statistics.mean_test import are_hits, mcnemar, p_values
from metrics.statistics.moments import mean_p, moments
from metrics.statistics.permutation import sign_flip_p

ALL = np.ones(20, dtype=bool)


def column(*values: float) -> np.ndarray:
    return np.array(values)[:, None]


@pytest.mark.parametrize(
    ("values", "decides"),
    [
        ([0.0] * 11 + [1 + n / 1000 for n in range(9)], "few"),  # no spread, but nine alone
        (np.linspace(-0.5, 1.4, 20), "flips"),
        ([n / 100 - 0.3 for n in range(19)] + [1.5], "t"),  # a tail to the side where the mean is not
    ],
)
def test_the_largest_of_three(values, decides):
    differences = np.round(values, 6)[:, None]
    three = {
        "flips": sign_flip_p(differences, 3)[0],
        "t": mean_p(moments([np.where(differences == 0, np.nan, differences)], [1.0]))[0],
        "few": (2 / 3) ** np.count_nonzero(differences),
    }
    assert max(three, key=three.get) == decides
    assert p_values(differences, np.zeros((20, 1)), 3, [ALL])[0] == three[decides]


def test_the_sixth_decimal_is_the_last():
    a, b = column(*[0.5] * 20), column(*[0.5 + 4e-7] * 20)
    assert p_values(a, b, 0, [ALL])[0] == 1
    assert p_values(a, b + 1e-6, 0, [ALL])[0] == pytest.approx((2 / 3) ** 20)


def test_groups_of_the_same_weight():
    """Two cats at -0.2 and six dogs at 0.2 in the mean: no difference, though the dogs are more."""
    members = [np.arange(8) < 2, np.arange(8) >= 2]
    differences = column(-0.3, -0.1, 0.1, 0.2, 0.3, 0.1, 0.2, 0.3)
    assert p_values(differences, np.zeros((8, 1)), 0, members)[0] == 1
    assert p_values(differences, np.zeros((8, 1)), 0, [members[0] | members[1]])[0] < 0.9


def test_a_group_of_one_image_has_no_test():
    members = [np.arange(8) < 1, np.arange(8) >= 1]
    assert np.isnan(p_values(column(*range(8)), np.full((8, 1), 0.5), 0, members)[0])


def test_hits_are_zeros_and_ones_of_one_group():
    a, b = np.array([[0.0, 1.0, 0.0], [1.0, 0.5, 1.0]]), np.array([[1.0, 1.0, 0.0], [1.0, 0.0, 2.0]])
    assert are_hits(a, b, 1).tolist() == [True, False, False]
    assert not are_hits(a, b, 2).any()


def test_hits_and_values_side_by_side():
    a = np.stack([np.repeat([1.0, 0.0], [9, 11]), np.linspace(0.1, 2, 20)], axis=1)
    b = np.stack([np.repeat([0.0, 1.0], [18, 2]), np.linspace(0, 1, 20)], axis=1)
    both = p_values(a, b, 0, [ALL])
    assert both[0] == mcnemar(9, 2) == pytest.approx(stats.binomtest(2, 11).pvalue)
    assert both[1] == p_values(a[:, 1:], b[:, 1:], 0, [ALL])[0]


def test_mcnemar_by_hand():
    assert mcnemar(5, 0) == mcnemar(0, 5) == 2 / 32
    assert mcnemar(3, 1) == 2 * (1 + 4) / 16
    assert mcnemar(2, 2) == 1
    assert mcnemar(0, 0) == 1
