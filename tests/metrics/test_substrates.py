import numpy as np
import pytest
import torch
from scipy import ndimage, signal

from metrics.substrates import (
    SUBSTRATES,
    blur_substrate,
    gaussian_substrate,
    mean_substrate,
    rise_kernel_1d,
    shuffled_substrate,
)

MEAN = (0.485, 0.456, 0.406)
STD = np.array([0.229, 0.224, 0.225])


def test_mean_colour_is_zero_in_normalised_space():
    substrate = mean_substrate(torch.rand(2, 3, 4, 5), MEAN)
    assert substrate.shape == (2, 3, 4, 5)
    torch.testing.assert_close(substrate, torch.tensor(MEAN).view(1, 3, 1, 1).expand(2, 3, 4, 5))


def test_kernel_is_the_nearly_flat_one_of_rise():
    kernel = np.outer(rise_kernel_1d(), rise_kernel_1d())
    impulse = np.zeros((11, 11))
    impulse[5, 5] = 1
    np.testing.assert_allclose(kernel, ndimage.gaussian_filter(impulse, 5), rtol=1e-12)
    assert kernel.sum() == pytest.approx(1)
    assert kernel[5, 5] / kernel[0, 0] == pytest.approx(1.14, abs=0.005)


def test_blur_is_a_zero_padded_convolution_in_normalised_space():
    images = torch.rand(1, 3, 20, 17, generator=torch.Generator().manual_seed(0))
    impulse = np.zeros((11, 11))
    impulse[5, 5] = 1
    kernel = ndimage.gaussian_filter(impulse, 5)
    for channel, (mean, std) in enumerate(zip(MEAN, STD, strict=True)):
        normalised = (images[0, channel].double().numpy() - mean) / std
        expected = signal.convolve2d(normalised, kernel, mode="same") * std + mean
        np.testing.assert_allclose(blur_substrate(images, MEAN)[0, channel].numpy(), expected, atol=1e-6)


IDS = ("a", "b", "c")
PICTURES = sorted(
    {*SUBSTRATES} - {"linear"}
)  # what imputation adds is noise, no picture: tests/metrics/test_imputation.py


@pytest.mark.parametrize("name", PICTURES)
@pytest.mark.parametrize("size", [(16, 16), (30, 45)])
def test_substrates_are_images_and_do_not_mix_images(name, size):
    images = torch.rand(3, 3, *size, generator=torch.Generator().manual_seed(0))
    whole = SUBSTRATES[name].made(images, MEAN, IDS, 0)
    assert whole.shape == images.shape
    assert whole.min() >= 0
    assert whole.max() <= 1
    torch.testing.assert_close(SUBSTRATES[name].made(images[1:2], MEAN, IDS[1:2], 0), whole[1:2])


@pytest.mark.parametrize("name", ["noise", "shuffle", "linear"])
def test_chance_is_the_image_s_id_and_the_seed(name):
    images = torch.rand(1, 3, 28, 28, generator=torch.Generator().manual_seed(0))
    one, again, other_id, other_seed = (
        SUBSTRATES[name].made(images, MEAN, (image_id,), seed)
        for image_id, seed in (("a", 0), ("a", 0), ("b", 0), ("a", 1))
    )
    assert torch.equal(one, again)
    assert not torch.equal(one, other_id)
    assert not torch.equal(one, other_seed)


def test_a_strong_gaussian_is_that_of_scipy_and_keeps_the_mean():
    images = torch.rand(1, 3, 28, 42, generator=torch.Generator().manual_seed(0))
    found = gaussian_substrate(images)
    for channel in range(3):
        expected = ndimage.gaussian_filter(images[0, channel].double().numpy(), 2, mode="reflect")
        np.testing.assert_allclose(found[0, channel].numpy(), expected, atol=1e-6)
    torch.testing.assert_close(found.mean(dim=(2, 3)), images.mean(dim=(2, 3)), atol=1e-5, rtol=0)


def test_shuffling_moves_whole_patches_and_loses_none():
    """28 x 28 pixels are 14 x 14 patches of 2 x 2, every one a number of its own."""
    numbers = torch.arange(14 * 14).view(1, 1, 14, 14).repeat_interleave(2, dim=2).repeat_interleave(2, dim=3) / 196
    images = numbers.expand(1, 3, 28, 28)
    found = shuffled_substrate(images, ("a",), 0)
    assert torch.equal(found[:, :, ::2, ::2].repeat_interleave(2, dim=2).repeat_interleave(2, dim=3), found)
    assert torch.equal(found.flatten(2).sort(dim=2).values, images.flatten(2).sort(dim=2).values)
    assert not torch.equal(found, images)
