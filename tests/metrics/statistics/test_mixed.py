import numpy as np
import pytest
from scipy import stats

from metrics.statistics.mixed import Crossed, Solved, Variances, balanced_variances, fitted, searched_variances

# 3 networks on 2 images; means of networks 1, 3, 3.5, of images 1, 4, of all 2.5.
SMALL = np.array([[0.0, 2.0], [2.0, 4.0], [1.0, 6.0]])
# 5 networks on 9 images, 4 values missing; statsmodels 0.15.0, REML, both random effects as variance components of one
# group: MixedLM.from_formula("y ~ 1", groups="one", re_formula="0", vc_formula={"n": "0 + C(n)", "i": "0 + C(i)"}).
N = np.nan
HOLES = np.array(
    [
        [-0.31, N, -0.04, -0.33, -1.1, -0.35, -0.68, 0.02, -0.91],
        [-0.07, 0.29, 0.63, -1.27, -0.33, 0.36, 0.39, -0.53, -0.42],
        [-0.87, -0.36, 1.08, -0.58, -0.25, N, -0.13, 0.0, -0.3],
        [-0.53, -0.76, 0.41, N, -1.19, 0.46, 0.04, -0.45, 0.46],
        [-0.05, -0.61, 0.54, 0.06, -0.38, 0.5, 0.07, 0.34, N],
    ]
)
STATSMODELS = {"network": 0.01676834, "image": 0.10521456, "rest": 0.17354153, "mean": -0.179227, "error": 0.139003}


def crossed(table: np.ndarray) -> Crossed:
    network, image = np.nonzero(~np.isnan(table))
    return Crossed(table[network, image], network, image, np.zeros_like(image), np.ones((len(image), 1)))


def test_mean_squares_by_hand():
    found = balanced_variances(crossed(SMALL))
    # MS_network = 2 (1.5^2 + 0.5^2 + 1^2) / 2 = 3.5; MS_image = 3 (1.5^2 + 1.5^2) / 1 = 13.5; MS_rest = 3 / 2
    assert found.array == pytest.approx([(3.5 - 1.5) / 2, 0, (13.5 - 1.5) / 3, 1.5])


def test_error_and_degrees_of_freedom_by_hand():
    mean = fitted(crossed(SMALL)).estimate(np.ones(1))
    assert mean.mean == pytest.approx(2.5)
    assert mean.error**2 == pytest.approx((3.5 + 13.5 - 1.5) / 6)
    assert mean.freedom == pytest.approx(15.5**2 / (3.5**2 / 2 + 13.5**2 / 1 + 1.5**2 / 2))


def test_a_negative_variance_is_0_and_its_mean_square_keeps_its_degrees_of_freedom():
    table = np.array([[0.0, 2.0, 4.1], [2.0, 2.0, 2.0], [2.0, 2.1, 2.0], [4.0, 2.0, 0.0]])  # networks agree in the mean
    found = balanced_variances(crossed(table))
    assert found.network == found.image == 0
    mean = fitted(crossed(table)).estimate(np.ones(1))
    assert mean.error**2 == pytest.approx(found.rest / 12)
    assert mean.freedom == pytest.approx(1 / (1 / 3 + 1 / 2 + 1 / 6))  # all three mean squares count as the rest's


def test_the_search_finds_the_closed_form():
    table = sum(np.random.default_rng(seed).normal(size=size) for seed, size in enumerate([(6, 1), (1, 20), (6, 20)]))
    closed, found = balanced_variances(crossed(table)), searched_variances(crossed(table))
    assert closed.network > 0.1
    assert closed.image > 0.1
    assert found.array == pytest.approx(closed.array, rel=1e-4)


def test_with_holes_it_is_what_statsmodels_finds():
    solved = fitted(crossed(HOLES))
    mean = solved.estimate(np.ones(1))
    for name in ("network", "image", "rest"):
        assert getattr(solved.variances, name) == pytest.approx(STATSMODELS[name], rel=1e-5)
    assert mean.mean == pytest.approx(STATSMODELS["mean"], abs=1e-6)
    assert mean.error == pytest.approx(STATSMODELS["error"], rel=1e-4)


def two_data_sets() -> Crossed:
    """4 networks, 2 data sets of 7 and 5 images of two strata, a sixth of the values missing, one network on one."""
    random = np.random.default_rng(3)
    rows = [(n, i) for n in range(4) for i in range(12) if random.random() < 5 / 6 and not (n == 3 and i >= 7)]
    network, image = np.array(rows).T
    data = (image >= 7).astype(int)
    fixed = np.eye(4)[2 * data + image % 2]
    return Crossed(random.normal(size=len(rows)) + 0.5 * network, network, image, data, fixed)


def test_information_and_slopes_are_those_of_whole_matrices():
    """Satterthwaite: 2 v^2 / (slope' F^-1 slope) with F_kl = tr(P Z_k Z_k' P Z_l Z_l') / 2, without any elimination."""
    data, variances = two_data_sets(), Variances(0.4, 0.3, 0.2, 0.7)
    solved, size = Solved(data, variances), len(data.values)
    alike = [np.equal.outer(codes, codes).astype(float) for codes in (data.network, data.cells, data.image)]
    alike.append(np.eye(size))
    inverse = np.linalg.inv(sum(v * part for v, part in zip(variances.array, alike, strict=True)))
    covariance = np.linalg.inv(data.fixed.T @ inverse @ data.fixed)
    P = inverse - inverse @ data.fixed @ covariance @ data.fixed.T @ inverse
    information = [[np.trace(P @ a @ P @ b) / 2 for b in alike] for a in alike]
    np.testing.assert_allclose(solved.information, information, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(solved.effects, covariance @ data.fixed.T @ inverse @ data.values, rtol=1e-9)
    weights = np.array([0.25, 0.25, 0.25, 0.25])
    half = inverse @ data.fixed @ covariance @ weights
    slopes = np.array([half @ part @ half for part in alike])
    variance = weights @ covariance @ weights
    found = solved.estimate(weights)
    assert found.error**2 == pytest.approx(variance)
    assert found.freedom == pytest.approx(2 * variance**2 / (slopes @ np.linalg.solve(information, slopes)))


def test_the_search_leaves_no_better_variances_near_by():
    data = two_data_sets()
    best = searched_variances(data)

    def deviance(variances: Variances) -> float:
        solved = Solved(data, variances)
        return solved.log_determinants + solved.squares

    lowest = deviance(best)
    for place in range(4):
        for step in (-0.01, 0.01):
            moved = best.array.copy()
            moved[place] = max(0.0, moved[place] + step)
            assert deviance(Variances(*moved)) >= lowest - 1e-6


def test_values_that_do_not_vary_have_no_model():
    assert fitted(crossed(np.full((3, 4), 0.25))) is None


def test_the_interval_is_banerjees_and_p_is_where_it_reaches_0():
    mean = fitted(crossed(SMALL)).estimate(np.ones(1))  # variances: networks and rest 3.5, images 12, of 6 values
    half = ((stats.t.ppf(0.9, 2) ** 2 * 3.5 + stats.t.ppf(0.9, 1) ** 2 * 12) / 6) ** 0.5
    assert mean.by_images == pytest.approx(12 / 15.5)
    assert (mean.networks, mean.images) == (2, 1)
    assert mean.limits(0.2) == pytest.approx((2.5 - half, 2.5 + half))
    assert mean.limits(mean.p_value)[0] == pytest.approx(0, abs=1e-6)


def rejected(networks: int, sd: float, alpha: float, repetitions: int) -> float:
    """Share of tests that reject a true mean of 0 on 40 images; the sd of images and of the rest is 0.2."""
    random, found = np.random.default_rng([networks, round(100 * sd)]), 0
    for _ in range(repetitions):
        parts = [sd * random.normal(size=(networks, 1)), 0.2 * random.normal(size=(1, 40))]
        mean = fitted(crossed(sum(parts) + 0.2 * random.normal(size=(networks, 40)))).estimate(np.ones(1))
        found += abs(mean.mean) > mean.half(alpha)
    return found / repetitions


@pytest.mark.parametrize("networks", [6, 12])
@pytest.mark.parametrize("sd", [0.0, 0.05, 0.2])
def test_intervals_of_the_mean_cover_it(networks, sd):
    assert 1 - rejected(networks, sd, 0.05, 500) >= 0.93


@pytest.mark.parametrize("sd", [0.1, 0.2])
def test_few_networks_raise_no_alarm_at_the_level_of_a_family_of_ten(sd):
    """Satterthwaite's degrees of freedom reject 1 and 2 % here."""
    assert rejected(3, sd, 0.005, 1500) <= 0.005
