import numpy as np
import pytest
import torch
from scipy import ndimage, signal

from metrics.substrates import SUBSTRATES, blur_substrate, mean_substrate, rise_kernel_1d

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


@pytest.mark.parametrize("name", sorted(SUBSTRATES))
def test_substrates_are_images_and_do_not_mix_images(name):
    images = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    whole = SUBSTRATES[name](images, MEAN)
    assert whole.min() >= 0
    assert whole.max() <= 1
    torch.testing.assert_close(SUBSTRATES[name](images[1:2], MEAN), whole[1:2])
