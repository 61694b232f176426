from itertools import product

import numpy as np
import pytest

from metrics.statistics import permutation
from metrics.statistics.permutation import DRAWS, draws_for, sign_flip_p, sign_flips


def every_sign(differences):
    """Share of all signs whose sum is as large, one by one."""
    total = abs(sum(differences))
    sums = [
        abs(sum(sign * d for sign, d in zip(signs, differences, strict=True)))
        for signs in product((-1, 1), repeat=len(differences))
    ]
    return np.mean([size >= total - 1e-9 for size in sums])


def test_few_differences_are_tested_exactly():
    values = np.random.default_rng(0).normal(0.5, 1, (9, 2))
    values[4, 1] = 0
    expected = [every_sign(values[:, column]) for column in range(2)]
    assert sign_flip_p(values, seed=0) == pytest.approx(expected)
    assert sign_flip_p(np.array([[1.0], [2.0], [-1.0], [4.0]]), 0)[0] == 6 / 16  # sums of at least 6 in size


def test_zeros_say_nothing():
    values = np.random.default_rng(1).normal(0.5, 1, (8, 1))
    assert sign_flip_p(np.vstack([values, np.zeros((50, 1))]), 0) == pytest.approx(sign_flip_p(values, 0))
    assert sign_flip_p(np.zeros((5, 2)), 0).tolist() == [1.0, 1.0]


def test_many_differences_are_sampled_and_close_to_exact(monkeypatch):
    values = np.random.default_rng(2).normal(0.4, 1, (12, 3))
    exact = sign_flip_p(values, 0)
    monkeypatch.setattr(permutation, "EXACT", 0)
    assert sign_flip_p(values, 0) == pytest.approx(exact, abs=0.02)


def test_thirteen_differences_are_sampled_with_signs_that_the_seed_decides():
    values = np.random.default_rng(5).normal(0.4, 1, (13, 1))
    one, again, other = (sign_flip_p(values, seed, 99)[0] for seed in (0, 0, 1))
    assert one == again != other
    assert {round(p * 100, 9) % 1 for p in (one, other)} == {0}  # (1 + as extreme) of 100
    exact = sign_flip_p(values[:12], 0)[0] * 2**12
    assert exact == round(exact)
    assert sign_flip_p(values, 0, 9999) == pytest.approx(every_sign(values[:, 0]), abs=0.02)


def test_sums_that_are_as_large_but_for_rounding_count():
    """0.1 + 0.2 is not 0.3: of the eight signs of 0.1, 0.2, -0.3 all four pairs are as large as 0 is."""
    assert sign_flip_p(np.array([[0.1], [0.2], [-0.3]]), 0)[0] == 1
    assert sign_flip_p(np.array([[0.1], [0.2], [0.3]]), 0)[0] == 2 / 8


def test_the_block_does_not_matter_and_p_is_never_0(monkeypatch):
    values = np.random.default_rng(3).normal(3, 1, (30, 2))
    values[:, 1] -= 3
    whole = sign_flip_p(values, 4)
    assert whole[0] == 1 / (1 + DRAWS)
    monkeypatch.setattr(permutation, "BLOCK", 1000)
    assert sign_flip_p(values, 4) == pytest.approx(whole)
    assert sign_flip_p(-values, 4) == pytest.approx(whole)


def test_a_large_family_has_draws_for_its_smallest_p():
    assert draws_for(8, 0.05) == DRAWS == 9999
    assert draws_for(840, 0.05) == 2 * 840 * 20 - 1
    assert 1 / (1 + draws_for(840, 0.05)) < 0.05 / 840


def test_many_tables_draw_their_signs_once_and_find_what_each_finds_alone(monkeypatch):
    random, drawn = np.random.default_rng(3), []
    monkeypatch.setattr(permutation, "COLUMNS", 2)
    shapes = [(20, 3, 99), (31, 1, 99), (20, 0, 99), (20, 2, 99), (20, 2, 199)]
    tests = [(random.normal(0.3, 1, (n, m)), draws) for n, m, draws in shapes]
    alone = [sign_flip_p(differences, 7, draws) for differences, draws in tests]
    make = permutation._random_signs
    monkeypatch.setattr(permutation, "_random_signs", lambda *of: drawn.append(of) or make(*of))
    together = sign_flips(tests, 7)
    assert [p.tolist() for p in together] == [p.tolist() for p in alone]
    assert sorted(drawn) == [(20, 7, 99), (20, 7, 199), (31, 7, 99)]
    assert sign_flips([], 7) == []
