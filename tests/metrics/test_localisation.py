import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from metrics import localisation
from metrics.ordering import rank_pixels, tie_permutation


def ranks_of(maps: torch.Tensor) -> torch.Tensor:
    permutation = tie_permutation("x", maps[0].numel(), 0)
    return rank_pixels(maps, permutation.expand(len(maps), -1))


def square(side: int = 60, low: int = 20, high: int = 30, row: int | None = None) -> torch.Tensor:
    mask = torch.zeros(1, side, side, dtype=torch.uint8)
    mask[0, low:high, low:high] = 1
    return mask


def point(row: int, column: int, side: int = 60) -> torch.Tensor:
    maps = torch.zeros(1, side, side)
    maps[0, row, column] = 2.0
    return maps


@pytest.mark.parametrize(
    ("row", "column", "hit"),
    [
        (25, 25, 1),
        (5, 25, 1),
        (4, 25, 0),
        (44, 20, 1),
        (45, 20, 0),
        (11, 8, 1),
        (10, 8, 0),
    ],  # 9-12-15 triangle
)
def test_pointing_game_allows_fifteen_pixels(row, column, hit):
    maps = point(row, column)
    assert localisation.pointing_game(maps, ranks_of(maps), square()).item() == hit


def test_pointing_game_of_empty_map_is_a_miss_and_of_empty_mask_undefined():
    everywhere = torch.ones(1, 60, 60, dtype=torch.uint8)
    empty = torch.zeros(1, 60, 60)
    assert localisation.pointing_game(empty, ranks_of(empty), everywhere).item() == 0
    maps = point(1, 1)
    assert localisation.pointing_game(maps, ranks_of(maps), torch.zeros_like(everywhere)).isnan().item()


def test_energy_leaves_out_ignored_pixels():
    maps = torch.tensor([[[1.0, 2.0], [3.0, 4.0]]])
    mask = torch.tensor([[[1, 0], [255, 1]]], dtype=torch.uint8)
    assert localisation.energy_in_mask(maps, mask).item() == pytest.approx(5 / 7)
    assert localisation.off_target_mass(maps, mask).item() == pytest.approx(2 / 7)
    assert localisation.energy_in_face(maps, mask).item() == pytest.approx(5 / 7)
    assert localisation.mask_area(mask).item() == pytest.approx(2 / 3)


METRICS = ["energy_in_mask", "energy_in_face", "off_target_mass"]


@pytest.mark.parametrize("name", METRICS)
def test_energy_is_undefined_without_mass_or_object(name):
    metric = getattr(localisation, name)
    assert metric(torch.zeros(1, 60, 60), square()).isnan().item()
    assert metric(torch.ones(1, 60, 60), 0 * square()).isnan().item()


@given(st.integers(0, 10**6))
def test_uniform_map_has_the_mask_area_in_every_localisation_metric(seed):
    mask = (torch.rand(3, 8, 8, generator=torch.Generator().manual_seed(seed)) < 0.5).to(torch.uint8)
    mask[:, 0, 0], mask[:, 0, 1] = 1, 255
    uniform, area = torch.ones(3, 8, 8), localisation.mask_area(mask)
    torch.testing.assert_close(localisation.energy_in_mask(uniform, mask), area)
    torch.testing.assert_close(localisation.pxap(uniform, mask), area.double(), rtol=1e-6, atol=0)


def test_own_share_leaves_out_the_overlap():
    maps = torch.tensor([[[1.0, 2.0, 4.0, 8.0]]])
    own = torch.tensor([[[1, 1, 0, 0]]], dtype=torch.uint8)
    other = torch.tensor([[[0, 1, 1, 0]]], dtype=torch.uint8)
    assert localisation.own_animal_share(maps, own, other).item() == pytest.approx(1 / 5)
    assert localisation.own_animal_share(maps, other, own).item() == pytest.approx(4 / 5)
    assert localisation.own_animal_share(maps, own, 0 * other).isnan().item()
    assert localisation.own_animal_share(maps * 0, own, other).isnan().item()


def test_rank_accuracy_by_hand():
    maps = torch.tensor([[[9.0, 8.0, 7.0], [6.0, 5.0, 4.0]]])
    mask = torch.tensor([[[255, 1, 0], [1, 1, 0]]], dtype=torch.uint8)  # K = 3; top 3 that count: 8, 7, 6
    assert localisation.rank_accuracy(ranks_of(maps), mask).item() == pytest.approx(2 / 3)
    assert localisation.rank_accuracy(ranks_of(maps), 0 * mask).isnan().item()


@given(st.integers(0, 10**6))
def test_rank_accuracy_equals_a_plain_loop(seed):
    generator = torch.Generator().manual_seed(seed)
    maps = torch.rand(2, 5, 6, generator=generator)
    mask = torch.tensor([0, 1, 255], dtype=torch.uint8)[torch.randint(0, 3, (2, 5, 6), generator=generator)]
    mask[:, 0, 0] = 1
    values = localisation.rank_accuracy(ranks_of(maps), mask)
    for one, labels, value in zip(maps.flatten(1), mask.flatten(1), values, strict=True):
        order = [int(i) for i in one.argsort(descending=True) if labels[i] != 255]
        size = int((labels == 1).sum())
        assert value.item() == pytest.approx(sum(int(labels[i] == 1) for i in order[:size]) / size)


def test_pxap_of_perfect_and_inverted_maps():
    mask = square()
    perfect, inverted = (mask == 1).float(), (mask == 0).float()
    assert localisation.pxap(perfect, mask).item() == 1
    assert localisation.pxap(inverted, mask).item() == pytest.approx(100 / 3600)
    assert localisation.pxap(perfect, 0 * mask).isnan().item()


def plain_average_precision(labels: list[bool], values: list[float]) -> float:
    """Threshold by threshold, highest first: precision times the gain in recall; equal values share a threshold."""
    total, recall = 0.0, 0.0
    for threshold in sorted(set(values), reverse=True):
        called = [label for label, value in zip(labels, values, strict=True) if value >= threshold]
        gained = sum(called) / sum(labels)
        total += (gained - recall) * sum(called) / len(called)
        recall = gained
    return total


@given(st.integers(0, 10**6), st.sampled_from([2, 5, 1000]), st.floats(1e-30, 1e30))
def test_pxap_equals_a_plain_loop_ties_and_ignored_pixels_included(seed, levels, scale):
    generator = torch.Generator().manual_seed(seed)
    maps = torch.randint(0, levels, (3, 6, 7), generator=generator).float() / levels * scale
    mask = torch.tensor([0, 1, 255], dtype=torch.uint8)[torch.randint(0, 3, (3, 6, 7), generator=generator)]
    mask[:, 0, 0] = 1
    for one, labels, found in zip(maps, mask, localisation.pxap(maps, mask).tolist(), strict=True):
        counted = labels != 255
        expected = plain_average_precision((labels[counted] == 1).tolist(), one[counted].tolist())
        assert found == pytest.approx(expected, abs=1e-12)


def test_pxap_of_an_empty_a_constant_and_an_infinite_map():
    mask = square()
    assert localisation.pxap(0 * mask.float(), mask).item() == pytest.approx(100 / 3600)
    assert localisation.pxap(0 * mask + 3e38, mask).item() == pytest.approx(100 / 3600)
    for bad in (torch.nan, torch.inf):
        assert localisation.pxap(point(3, 3) * bad, mask).isnan().item()


def test_average_precision_by_hand():
    foreground, background = torch.tensor([2, 0, 3]), torch.tensor([4, 0, 1])  # bins, low to high
    highest = 3 * 3 / 4  # nothing above: precision 3 / 4 throughout
    lowest = 2 * 5 / 10  # one tie, called last
    assert localisation.average_precision(foreground, background).item() == pytest.approx((highest + lowest) / 5)


def test_average_precision_inside_a_bin_is_the_mean_over_evenly_mixed_pixels():
    foreground, background = torch.tensor([0, 300, 40]), torch.tensor([10, 500, 10])
    steps = torch.arange(0.5, 20_000) / 20_000
    inside = ((40 + 300 * steps) / (50 + 800 * steps)).double().mean().item()
    expected = (40 * 40 / 50 + 300 * inside) / 340
    assert localisation.average_precision(foreground, background).item() == pytest.approx(expected, rel=1e-6)


def test_average_precision_is_undefined_without_an_object_and_any_weight_gives_the_same():
    nothing, some = torch.zeros(4), torch.tensor([3.0, 0, 2, 5])
    assert localisation.average_precision(nothing, some).isnan()
    value = localisation.average_precision(some, some.flip(0))
    torch.testing.assert_close(localisation.average_precision(some / 7, some.flip(0) / 7), value)


@given(st.integers(0, 10**6), st.floats(0.5, 6))
def test_binned_average_precision_is_close_to_the_exact_one(seed, sharpness):
    """Smooth maps whose values crowd at the bottom, a third of them at exactly 0, as after a ReLU."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(1, 1, 7, 7, generator=generator) ** sharpness
    maps = (torch.nn.functional.interpolate(coarse, (112, 112), mode="bilinear")[0] - 0.1).relu()
    mask = (torch.nn.functional.interpolate(coarse, (112, 112), mode="nearest")[0] > 0.2).to(torch.uint8)
    mask[:, 0, 0] = 1
    binned = localisation.average_precision(*localisation.pixel_histograms(maps, mask))
    assert binned.item() == pytest.approx(localisation.pxap(maps, mask).item(), abs=2e-3)


def test_histograms_count_every_pixel_that_counts():
    maps = torch.rand(2, 10, 10, generator=torch.Generator().manual_seed(0))
    mask = torch.zeros(2, 10, 10, dtype=torch.uint8)
    mask[:, :3], mask[:, 3] = 1, 255
    foreground, background = localisation.pixel_histograms(maps, mask)
    assert foreground.shape == background.shape == (2, 256)
    assert foreground.sum(1).tolist() == [30, 30]
    assert background.sum(1).tolist() == [60, 60]
    counted = (mask != 255).flatten(1)
    at_the_minimum = (maps.flatten(1) == maps.flatten(1).amin(1, keepdim=True)) & counted
    assert (foreground[:, 0] + background[:, 0]).tolist() == at_the_minimum.sum(1).tolist()
    ramp = torch.tensor([[[0.0, 1e-9, (1 / 255) ** 2 * 1.01, 0.25, 0.99, 1.0]]])  # bins by the square root
    ones = localisation.pixel_histograms(ramp, torch.ones(1, 1, 6, dtype=torch.uint8))[0]
    assert ones[0].nonzero().flatten().tolist() == [0, 1, 2, 1 + 127, 1 + 253, 255]
    assert ones.sum().item() == 6
    broken = localisation.pixel_histograms(torch.where(maps > 0.99, torch.nan, maps)[:1], mask[:1])
    assert [counts.sum().item() for counts in broken] == [0, 0]


def test_box_of_a_bright_square_is_found_at_every_threshold_above_the_rest():
    mask = square()
    maps = 0.1 + 0.9 * (mask == 1).float()
    ious = localisation.box_ious(maps, mask)[0]
    assert ious.shape == (20,)
    assert (ious == 1).all()  # what is at the minimum is in no box, at threshold 0 either


def test_box_iou_takes_the_best_component():
    mask = square(low=20, high=30)
    maps = torch.zeros(1, 60, 60)
    maps[0, 20:30, 20:25] = 1.0  # half of the object
    maps[0, 50:60, 50:60] = 1.0  # something else
    assert localisation.box_ious(maps, mask)[0, 5].item() == pytest.approx(0.5)
    assert localisation.box_ious(maps, 0 * mask).isnan().all()
    assert (localisation.box_ious(0 * maps, mask) == 0).all()  # an empty map has no box


@given(st.integers(0, 10**6))
def test_box_ious_equal_a_plain_loop(seed):
    generator = torch.Generator().manual_seed(seed)
    maps = torch.rand(1, 12, 9, generator=generator)
    mask = torch.zeros(1, 12, 9, dtype=torch.uint8)
    mask[0, 2:9, 3:8] = 1
    low, high = maps.min(), maps.max()
    scaled = ((maps[0] - low) / (high - low)).numpy()
    for i, value in enumerate(localisation.box_ious(maps, mask)[0].tolist()):
        labels, count = ndimage.label(scaled > np.float32(i) / 20, structure=np.ones((3, 3)))
        best = 0.0
        for component in range(1, count + 1):
            rows, columns = np.nonzero(labels == component)
            box = np.zeros((12, 9), dtype=bool)
            box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
            best = max(best, (box & (mask[0] == 1).numpy()).sum() / (box | (mask[0] == 1).numpy()).sum())
        assert value == pytest.approx(best)


def test_a_map_that_is_not_finite_takes_no_value_from_the_one_beside_it():
    maps = torch.cat([point(25, 25), point(2, 2), point(25, 25) * torch.inf])
    mask = square().expand(3, -1, -1)
    found = localisation.pointing_game(maps, ranks_of(maps), mask)
    assert found[:2].tolist() == [1, 0]
    assert found[2].isnan()
    foreground, background = localisation.pixel_histograms(maps, mask)
    assert (foreground + background).sum(1).tolist() == [3600, 3600, 0]
    assert localisation.box_ious(maps, mask).isnan().all(dim=1).tolist() == [False, False, True]
