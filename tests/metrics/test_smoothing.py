import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from metrics.inputs import BatchInputs, MapInputs
from metrics.smoothing import gaussian, smoothed


@pytest.mark.parametrize("sigma", [0.5, 1.0, 2.0, 9.0])
@pytest.mark.parametrize("size", [(13, 13), (6, 9), (1, 4)])
def test_it_is_the_gaussian_of_scipy(sigma, size):
    maps = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = gaussian(maps, sigma)
    for own, expected in zip(found.flatten(0, 1), maps.flatten(0, 1), strict=True):
        expected = torch.from_numpy(ndimage.gaussian_filter(expected.numpy(), sigma, mode="reflect"))
        torch.testing.assert_close(own, expected, rtol=1e-12, atol=1e-14)


def test_a_cell_by_hand():
    """exp(-1/2) = 0.6065 on either side of 1, in a row of three whose border cells are mirrored."""
    near, far = 0.60653066, 0.13533528
    total = 1 + 2 * near + 2 * far + 2 * 0.011108997 + 2 * 0.00033546263
    row = gaussian(torch.tensor([[0.0, 1.0, 0.0]], dtype=torch.float64), 1.0)[0]
    assert row[0] == pytest.approx((near + far + 0.00033546263) / total, abs=1e-9)
    assert row.sum() == pytest.approx(1)


@given(st.floats(0.1, 20), st.integers(1, 9), st.integers(1, 9), st.integers(0, 99))
def test_a_uniform_map_stays_and_no_mass_is_lost(sigma, height, width, seed):
    maps = torch.rand(height, width, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    found = gaussian(maps, sigma)
    torch.testing.assert_close(found.sum(), maps.sum())
    assert (found >= 0).all()
    torch.testing.assert_close(gaussian(torch.ones(height, width), sigma), torch.ones(height, width))


def test_an_undefined_map_stays_undefined_and_spreads_to_no_other():
    maps = torch.rand(1, 2, 4, 4, generator=torch.Generator().manual_seed(0))
    maps[0, 1, 2, 2] = torch.nan
    batch = BatchInputs(
        size=(8, 8), permutations=torch.arange(64)[None], logits=torch.zeros(1, 2), rivals=torch.tensor([[1, 0]]),
        masks=None, faces=None,
    )  # fmt: skip
    found = smoothed(MapInputs(batch, maps), 1.0)
    assert found.defined.tolist() == [True, False]
    torch.testing.assert_close(found.raw[0], gaussian(maps[0, 0], 1.0))
