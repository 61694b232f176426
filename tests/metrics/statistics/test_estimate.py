import pytest
from scipy import stats

from metrics.statistics.estimate import LEAST, Estimate


def test_networks_and_images_have_a_quantile_each():
    found = Estimate(mean=1.0, error=0.5, freedom=9.0, by_images=0.36, networks=2, images=30)
    half = 0.5 * (0.64 * stats.t.ppf(0.975, 2) ** 2 + 0.36 * stats.t.ppf(0.975, 30) ** 2) ** 0.5
    assert found.half(0.05) == pytest.approx(half)
    assert found.limits(0.05) == pytest.approx((1 - half, 1 + half))


@pytest.mark.parametrize(("by_images", "freedom"), [(0.0, 2), (1.0, 30)])
def test_where_one_of_them_makes_all_of_the_error_it_is_a_t_test(by_images, freedom):
    found = Estimate(1.0, 0.5, 9.0, by_images, networks=2, images=30)
    assert found.p_value == pytest.approx(2 * stats.t.sf(2, freedom))


def test_a_mean_of_0_has_p_1_and_a_far_one_the_least():
    assert Estimate(0.0, 0.5, 9.0, 0.5, 2, 30).p_value == pytest.approx(1)
    assert Estimate(50.0, 0.5, 9.0, 1.0, 2, 300).p_value == LEAST
