import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from metrics import dispersion

SPREADS = [
    dispersion.effective_area,
    dispersion.entropy_area,
    dispersion.rms_spread,
    dispersion.largest_component,
]


def cells(*places: tuple[int, int], side: int = 13) -> torch.Tensor:
    grid = torch.zeros(1, side, side)
    for place in places:
        grid[(0, *place)] = 1.0
    return grid


@pytest.mark.parametrize("area", [dispersion.effective_area, dispersion.entropy_area])
def test_areas_have_their_closed_forms(area):
    n = 13 * 13
    assert area(torch.full((1, 13, 13), 0.3)).item() == pytest.approx(1)
    assert area(cells((4, 5))).item() == pytest.approx(1 / n)
    assert area(cells((0, 0), (12, 12))).item() == pytest.approx(2 / n)


def test_effective_area_by_hand():
    raw = torch.tensor([[[3.0, 1.0], [0.0, 0.0]]])
    assert dispersion.effective_area(raw).item() == pytest.approx(16 / (4 * 10))


def test_two_distant_peaks_have_twice_the_area_of_one():
    y, x = torch.meshgrid(torch.arange(40.0), torch.arange(40.0), indexing="ij")
    peaks = [torch.exp(-((y - c) ** 2 + (x - c) ** 2) / 8) for c in (8, 31)]
    one, two = (dispersion.effective_area(p[None]).item() for p in (peaks[0], peaks[0] + peaks[1]))
    assert two == pytest.approx(2 * one, rel=1e-3)


def test_rms_spread_of_point_uniform_and_corners():
    assert dispersion.rms_spread(cells((3, 9))).item() == pytest.approx(0, abs=1e-6)
    assert dispersion.rms_spread(torch.ones(1, 5, 9)).item() == pytest.approx(1)
    corners = cells((0, 0), (0, 12), (12, 0), (12, 12))
    assert dispersion.rms_spread(corners).item() == pytest.approx((3 * 12 / 14) ** 0.5)


def test_rms_spread_needs_more_than_one_cell():
    assert torch.isnan(dispersion.rms_spread(torch.ones(1, 1, 1))).all()


def test_largest_component_counts_mass_above_half_the_maximum_in_eight_neighbourhoods():
    raw = torch.zeros(1, 6, 6)
    raw[0, 0, 0] = raw[0, 1, 1] = 1.0  # touch at a corner: one patch of mass 2
    raw[0, 5, 5] = 0.5  # at half: counts
    raw[0, 3, 5] = 0.49  # below half: does not
    assert dispersion.largest_component(raw).item() == pytest.approx(2 / 2.5)


@given(st.integers(0, 10**6), st.floats(0.1, 0.9))
def test_components_equal_scipy(seed, density):
    mask = torch.rand(3, 9, 11, generator=torch.Generator().manual_seed(seed)) < density
    ours = dispersion.component_labels(mask)
    for one, labels in zip(mask.numpy(), ours.numpy(), strict=True):
        theirs, count = ndimage.label(one, structure=np.ones((3, 3)))
        pairs = set(zip(theirs[one], labels[one], strict=True))
        assert len(pairs) == count == len({a for a, _ in pairs}) == len({b for _, b in pairs})
        assert (labels[~one] == 0).all()


def test_components_of_a_long_snake_are_one():
    mask = torch.zeros(1, 21, 21, dtype=torch.bool)
    mask[0, ::2] = True
    mask[0, 1::4, -1] = True
    mask[0, 3::4, 0] = True
    assert len(dispersion.component_labels(mask)[mask].unique()) == 1


@given(st.integers(0, 10**6), st.sampled_from(SPREADS), st.floats(1e-12, 1e12))
def test_spreads_are_in_range_invariant_to_scale_and_keep_maps_apart(seed, spread, scale):
    raw = torch.randn(4, 7, 5, generator=torch.Generator().manual_seed(seed)).relu()
    values = spread(raw)
    assert ((values > 0) & (values <= 3**0.5)).all()
    if spread is not dispersion.rms_spread:
        assert (values <= 1 + 1e-6).all()
    torch.testing.assert_close(spread(raw * scale), values, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(spread(raw[2:3]), values[2:3])
    torch.testing.assert_close(spread(raw.flip(1, 2)), values, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("spread", SPREADS)
def test_empty_maps_are_undefined_and_counted(spread):
    raw = torch.stack([torch.zeros(4, 4), torch.ones(4, 4)])
    values = spread(raw)
    assert values.isnan().tolist() == [True, False]
    assert dispersion.empty(raw).tolist() == [1, 0]


def test_antisymmetry_is_the_correlation_of_signed_maps():
    generator = torch.Generator().manual_seed(0)
    signed, other = torch.randn(3, 4, 5, generator=generator), torch.randn(3, 4, 5, generator=generator)
    other[0] = -2 * signed[0] + 1
    values = dispersion.antisymmetry(signed, other)
    assert values[0].item() == pytest.approx(-1)
    expected = np.corrcoef(signed[1].flatten(), other[1].flatten())[0, 1]
    assert values[1].item() == pytest.approx(expected, abs=1e-6)
    assert torch.isnan(dispersion.antisymmetry(torch.ones(1, 2, 2), signed[:1, :2, :2])).all()


def test_mirror_area_is_the_area_of_the_negative_part():
    signed = torch.tensor([[[-3.0, -1.0], [5.0, 0.0]], [[1.0, 1.0], [1.0, 1.0]]])
    values = dispersion.signed_mirror_area(signed)
    assert values[0].item() == pytest.approx(16 / 40)
    assert values[1].isnan()


def test_separation_of_disjoint_equal_and_half_overlapping_maps():
    left, right = cells((0, 0)), cells((0, 1))
    assert dispersion.map_separation(left, 7 * right).item() == 1
    assert dispersion.map_separation(left, 7 * left).item() == 0
    assert dispersion.map_separation(left + right, right).item() == pytest.approx(0.5)
    assert dispersion.map_separation(left, 0 * right).isnan().item()
