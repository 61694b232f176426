import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy import sparse
from scipy.sparse.linalg import spsolve

from metrics.imputation import NOISE, imputation_noise, impute

OFFSETS = [(y, x, 1 / 12 if y and x else 1 / 6) for y in (-1, 0, 1) for x in (-1, 0, 1) if y or x]


def solved_one_by_one(image: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """An image (3, H, W) by scipy's direct solver, its system written pixel by pixel."""
    height, width = missing.shape
    number = -np.ones(missing.shape, dtype=int)
    number[missing] = np.arange(missing.sum())
    system, shown = sparse.lil_matrix((missing.sum(), missing.sum())), np.zeros((missing.sum(), 3))
    for y, x in np.argwhere(missing):
        for down, right, weight in OFFSETS:
            if 0 <= y + down < height and 0 <= x + right < width:
                system[number[y, x], number[y, x]] += weight
                if missing[y + down, x + right]:
                    system[number[y, x], number[y + down, x + right]] -= weight
                else:
                    shown[number[y, x]] += weight * image[:, y + down, x + right]
    found = image.copy()
    found[:, missing] = np.reshape(spsolve(system.tocsr(), shown), (-1, 3)).T
    return found


def scene(height: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.rand(3, height, width, generator=torch.Generator().manual_seed(seed))


def smooth_order(height: int, width: int, seed: int) -> torch.Tensor:
    coarse = torch.rand(1, 1, 4, 4, generator=torch.Generator().manual_seed(seed))
    return F.interpolate(coarse, size=(height, width), mode="bilinear")[0, 0].flatten().argsort().argsort()


HOLES = {
    "one pixel": lambda h, w: torch.arange(h * w) == h * w // 2,
    "a corner": lambda h, w: torch.arange(h * w) == 0,
    "all but one": lambda h, w: torch.arange(h * w) != 7,
    "a checkerboard": lambda h, w: ((torch.arange(h)[:, None] + torch.arange(w)) % 2 == 0).flatten(),
    "left half": lambda h, w: (torch.arange(h * w) % w) < w // 2,
    "a smooth half": lambda h, w: smooth_order(h, w, 1) < h * w // 2,
    "a smooth nine tenths": lambda h, w: smooth_order(h, w, 2) < h * w * 9 // 10,
    "random half": lambda h, w: torch.rand(h * w, generator=torch.Generator().manual_seed(3)) < 0.5,
}


@pytest.mark.parametrize("size", [(24, 24), (17, 30), (5, 3)])
@pytest.mark.parametrize("name", HOLES)
def test_missing_pixels_are_what_a_direct_solver_finds(size, name):
    image, missing = scene(*size), HOLES[name](*size).view(size)
    expected = solved_one_by_one(image.double().numpy(), missing.numpy())
    found = impute(image, missing[None], tolerance=1e-6)
    torch.testing.assert_close(found.double(), torch.from_numpy(expected), atol=1e-4, rtol=0)
    usual = impute(image, missing[None])
    assert (usual - torch.from_numpy(expected)).abs().max() < 4e-3


def test_one_missing_pixel_by_hand():
    """In a corner three neighbours are there: (1/6 + 1/6 x 0.4 + 1/12 x 0.4) / (5/12) = 0.64."""
    image = torch.tensor([[9.0, 1.0], [0.4, 0.4]]).expand(3, 2, 2)
    missing = torch.tensor([[True, False], [False, False]])[None]
    torch.testing.assert_close(impute(image, missing)[:, 0, 0], torch.full((3,), 0.64))
    assert impute(image.clamp(max=1), missing)[0, 1].tolist() == pytest.approx([0.4, 0.4])


def test_a_hole_in_one_colour_is_filled_with_it_and_nothing_known_gives_grey():
    missing = HOLES["all but one"](20, 13).view(1, 20, 13)
    torch.testing.assert_close(impute(torch.full((3, 20, 13), 0.3), missing), torch.full((3, 20, 13), 0.3))
    torch.testing.assert_close(impute(scene(20, 13), torch.ones_like(missing)), torch.full((3, 20, 13), 0.5))
    assert torch.equal(impute(scene(20, 13), torch.zeros_like(missing)), scene(20, 13))


def test_images_do_not_touch_each_other_and_what_is_missing_is_not_seen():
    images = torch.stack([scene(21, 18, seed) for seed in range(3)])
    missing = torch.stack([HOLES[name](21, 18).view(1, 21, 18) for name in ("one pixel", "left half", "random half")])
    together = impute(images, missing)
    for one in range(3):
        assert torch.equal(together[one], impute(images[one : one + 1], missing[one : one + 1])[0])
    torch.testing.assert_close(impute(images.masked_fill(missing, 7), missing), together)


def test_images_and_holes_broadcast_and_each_pair_is_solved():
    images = torch.stack([scene(9, 8, seed) for seed in range(2)])[:, None]
    missing = torch.stack([HOLES[name](9, 8).view(9, 8) for name in ("a corner", "left half", "one pixel")])[
        None, :, None
    ]
    found = impute(images, missing)
    assert found.shape == (2, 3, 3, 9, 8)
    torch.testing.assert_close(found[1, 2], impute(images[1, 0], missing[0, 2]))


def test_noise_is_added_where_pixels_are_missing_and_an_images_name_decides_it():
    images = torch.full((2, 3, 16, 16), 0.5)
    missing = HOLES["left half"](16, 16).view(1, 1, 16, 16)
    noise = imputation_noise(images, ["a", "b"], seed=0)
    found = impute(images, missing, noise)
    assert torch.equal(found[..., 8:], images[..., 8:])
    torch.testing.assert_close(found[..., :8], images[..., :8] + NOISE * noise[..., :8])
    assert torch.equal(noise[1:], imputation_noise(images[1:], ["b"], seed=0))
    assert not torch.equal(noise[0], noise[1])
    assert not torch.equal(noise, imputation_noise(images, ["a", "b"], seed=1))


def test_masked_pictures_stay_within_what_a_picture_may_show():
    image = torch.ones(1, 3, 12, 12)
    found = impute(image, torch.ones(1, 1, 12, 12, dtype=torch.bool).tril(), imputation_noise(image, ["a"], 0))
    assert (found.min() >= 0, found.max() <= 1) == (True, True)
