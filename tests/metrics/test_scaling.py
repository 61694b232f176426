import pytest
import torch

from metrics.scaling import binary_scale, min_max_scaled, mirrored, unit_peak, unit_sum


@pytest.mark.parametrize("size", [(2, 3), (1, 1)])
def test_the_scale_is_a_power_of_two_at_most_the_largest_magnitude_of_each_map(size):
    peaks = [1.0, 1.5, 2.0, -3.0, 0.0, 1e-45, -1.1e-38, 3e38, 0.75]
    maps = torch.zeros(3, 3, *size)
    maps.view(9, -1)[:, -1] = torch.tensor(peaks)
    expected = [1.0, 1.0, 2.0, 2.0, 1.0, 2.0**-149, 2.0**-127, 2.0**127, 0.5]
    assert binary_scale(maps).shape == (3, 3, 1, 1)
    assert binary_scale(maps).flatten().tolist() == expected


def test_unit_peak_and_sum_by_hand():
    maps = torch.tensor([[[1.0, 0.0, 3.0]], [[0.0, 0.0, 0.0]], [[1e-45, 0.0, 0.0]]])
    assert unit_peak(maps)[::2, 0].tolist() == [[pytest.approx(1 / 3), 0, 1], [1, 0, 0]]
    assert unit_sum(maps)[::2, 0].tolist() == [[0.25, 0, 0.75], [1, 0, 0]]
    assert unit_peak(maps)[1].isnan().all()
    assert unit_sum(maps)[1].isnan().all()
    assert unit_peak(maps).dtype == torch.float64


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_a_map_that_is_not_finite_has_no_peak_no_sum_and_no_mirror(bad):
    maps = torch.tensor([[[1.0, 3.0]], [[bad, 3.0]], [[1.0, -3.0]]])
    for function in (unit_peak, unit_sum, mirrored):
        assert function(maps).isnan().flatten(1).all(dim=1).tolist() == [False, True, False]
    assert mirrored(maps)[2].tolist() == [[0, 3]]


def test_min_max_scaling_by_hand():
    maps = torch.tensor(
        [[[1.0, 3.0, 5.0]], [[4.0, 4.0, 4.0]], [[0.0, 0.0, 0.0]], [[1e-45, 0.0, 0.0]], [[0.0, 3e38, 0.0]]]
    )
    assert min_max_scaled(maps)[:, 0].tolist() == [[0, 0.5, 1], [0, 0, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0]]


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
def test_a_map_that_is_not_finite_has_no_scaled_one(bad):
    maps = torch.tensor([[[1.0, 3.0]], [[bad, 3.0]], [[1.0, 3.0]]])
    assert min_max_scaled(maps).isnan().flatten(1).all(dim=1).tolist() == [False, True, False]
