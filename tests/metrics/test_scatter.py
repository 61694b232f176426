from itertools import combinations

import numpy as np
import pytest
import torch

from metrics import scatter


def cells(*places: tuple[int, int], grid: tuple[int, int] = (4, 4), value: float = 1.0) -> torch.Tensor:
    raw = torch.zeros(1, *grid)
    for place in places:
        raw[(0, *place)] = value
    return raw


def mean_distance(places) -> float:
    return float(np.mean([np.hypot(a[0] - b[0], a[1] - b[1]) for a, b in combinations(places, 2)]))


def every(grid: tuple[int, int]) -> list[tuple[int, int]]:
    return [(y, x) for y in range(grid[0]) for x in range(grid[1])]


@pytest.mark.parametrize(("grid", "count"), [((4, 4), 3), ((4, 4), 5), ((3, 5), 6), ((2, 7), 5), ((1, 6), 3)])
def test_references_are_the_smallest_and_the_mean_over_all_sets_of_cells(grid, count):
    found = [mean_distance(chosen) for chosen in combinations(every(grid), count)]
    assert scatter.references(*grid, count) == pytest.approx((min(found), np.mean(found)))


def test_a_large_compact_set_is_a_disc():
    """Mean distance in a disc of radius r is 128 r / (45 pi), r = sqrt(K / pi)."""
    compact, _ = scatter.references(60, 60, 400)
    assert compact == pytest.approx(128 / (45 * np.pi) * (400 / np.pi) ** 0.5, rel=0.01)


def test_scatter_by_hand():
    """Three cells of 4 x 4: an L is 0, three corners are the mean of 3, 3 and 3 sqrt(2)."""
    compact, random = scatter.references(4, 4, 3)
    corners = ((6 + 3 * 2**0.5) / 3 - compact) / (random - compact)
    assert scatter.scatter(cells((1, 1), (1, 2), (2, 1))).item() == pytest.approx(0, abs=1e-12)
    assert scatter.scatter(cells((0, 0), (0, 3), (3, 0))).item() == pytest.approx(corners)
    assert corners > 1


def test_only_the_strongest_cells_count():
    raw = cells((1, 1), (1, 2), (2, 1), value=2.0) + cells((0, 0), (3, 3), (0, 3), value=1.0)
    assert scatter.scatter(raw).item() == pytest.approx(0, abs=1e-12)


def test_cells_that_tie_count_as_the_mean_over_all_choices():
    raw = cells((0, 0), value=2.0) + cells((0, 1), (2, 2), (3, 3), (3, 0))
    compact, random = scatter.references(4, 4, 3)
    choices = [mean_distance([(0, 0), *pair]) for pair in combinations([(0, 1), (2, 2), (3, 3), (3, 0)], 2)]
    assert scatter.scatter(raw).item() == pytest.approx((np.mean(choices) - compact) / (random - compact))
    assert scatter.scatter(torch.ones(1, 9, 7)).item() == pytest.approx(1)


def test_random_cells_scatter_by_one_in_the_mean():
    random = torch.rand(4000, 7, 9, generator=torch.Generator().manual_seed(0))
    for function in (scatter.scatter, scatter.scatter_10):
        assert function(random).mean().item() == pytest.approx(1, abs=0.02)


def test_scatter_is_undefined_on_too_few_cells_with_mass_and_on_tiny_grids():
    assert scatter.scatter(cells((0, 0), (3, 3))).isnan().all()
    assert scatter.scatter(torch.zeros(1, 13, 13)).isnan().all()
    assert scatter.scatter(torch.ones(1, 1, 3)).isnan().all()
    assert scatter.scatter(torch.ones(1, 2, 2)).isnan().all()  # every three of four are alike
    assert scatter.strongest(0.05, 169) == 8
    assert scatter.strongest(0.1, 169) == 17
    assert scatter.strongest(0.05, 49) == 3


def test_a_turned_or_mirrored_map_is_as_scattered_and_as_compact():
    raw = torch.rand(5, 6, 8, generator=torch.Generator().manual_seed(1))
    for other in (raw.flip(1), raw.flip(2)):
        torch.testing.assert_close(scatter.scatter(other), scatter.scatter(raw))
        torch.testing.assert_close(scatter.compactness(other), scatter.compactness(raw))
    torch.testing.assert_close(scatter.scatter(raw.transpose(1, 2)), scatter.scatter(raw))


def moran(raw: np.ndarray) -> float:
    z = raw - raw.mean()
    pairs = [(a, b) for a in every(raw.shape) for b in every(raw.shape) if max(abs(a[0] - b[0]), abs(a[1] - b[1])) == 1]
    return raw.size / len(pairs) * sum(z[a] * z[b] for a, b in pairs) / (z**2).sum()


def test_compactness_by_its_definition():
    raw = torch.rand(1, 3, 5, generator=torch.Generator().manual_seed(2))
    values = np.sort(raw[0].double().numpy().ravel())[::-1]
    order = sorted(every((3, 5)), key=lambda place: (place[0] - 1) ** 2 + (place[1] - 2) ** 2)
    arranged = np.zeros((3, 5))
    for place, value in zip(order, values, strict=True):
        arranged[place] = value
    expected = (moran(raw[0].double().numpy()) + 1 / 14) / (moran(arranged) + 1 / 14)
    assert scatter.compactness(raw).item() == pytest.approx(expected)
    assert scatter.compactness(torch.from_numpy(arranged)[None]).item() == pytest.approx(1)


def test_shuffled_maps_have_no_compactness_in_the_mean():
    raw = torch.rand(4000, 7, 7, generator=torch.Generator().manual_seed(3))
    assert scatter.compactness(raw).mean().item() == pytest.approx(0, abs=0.01)
    assert scatter.compactness(torch.ones(1, 5, 5)).isnan().all()
    assert scatter.compactness(cells((2, 2), grid=(5, 5))).isnan().all()


def test_mass_ratio_by_hand():
    right = torch.stack([torch.full((2, 2), 2.0), torch.zeros(2, 2)])
    wrong = torch.stack([torch.full((2, 2), 0.5), torch.ones(2, 2)])
    assert scatter.mass_ratio(right, wrong)[0].item() == 0.25
    assert scatter.mass_ratio(right, wrong)[1].isnan()
    assert scatter.mass_ratio(wrong, 0 * right).tolist() == [0, 0]


def test_mirror_statistics_are_those_of_the_negative_part():
    signed = torch.rand(3, 6, 6, generator=torch.Generator().manual_seed(4)) - 0.6
    signed[2] = 1.0
    negative = (-signed).relu()
    for mirror, plain in (
        (scatter.signed_mirror_scatter, scatter.scatter),
        (scatter.signed_mirror_scatter_10, scatter.scatter_10),
        (scatter.signed_mirror_compactness, scatter.compactness),
    ):
        torch.testing.assert_close(mirror(signed), plain(negative), equal_nan=True)
        assert mirror(signed)[2].isnan()
    half = torch.zeros(3, 12, 12, dtype=torch.uint8)
    half[:, :6] = 1
    lopsided = torch.ones(3, 2, 2)
    lopsided[0, 0] = -1
    lopsided[1] = -1
    found = scatter.signed_mirror_energy(lopsided, half)
    assert found[0] > 0.8
    assert found[1].item() == pytest.approx(0.5)
    assert found[2].isnan()
