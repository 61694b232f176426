import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from cam import METHODS
from cam.methods import gradcam, layercam

LINEAR = ("gradcam", "layercam", "hirescam", "xgradcam", "gradcam_elementwise")


def test_gradcam_by_hand():
    activations = torch.tensor([[[[1.0, 2.0]], [[3.0, 0.0]]]])  # (1, 2, 1, 2)
    gradients = torch.tensor([[[[[1.0, 3.0]], [[-1.0, 0.0]]]]])  # (1, 1, 2, 1, 2); channel means 2 and -0.5
    assert gradcam(activations, gradients).tolist() == [[[[2 * 1 - 0.5 * 3, 2 * 2 - 0.5 * 0]]]]


def test_layercam_by_hand():
    activations = torch.tensor([[[[1.0, 2.0]], [[3.0, 5.0]]]])
    gradients = torch.tensor([[[[[1.0, 3.0]], [[-1.0, 2.0]]]]])
    assert layercam(activations, gradients).tolist() == [[[[1 * 1, 3 * 2 + 2 * 5]]]]


def draw(seed: int, shape: tuple[int, ...]) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@given(st.integers(0, 10**6), st.sampled_from(LINEAR), st.floats(0.01, 100))
def test_methods_scale_with_the_gradient_and_keep_images_apart(seed, name, scale):
    method = METHODS[name].function
    activations, gradients = draw(seed, (3, 4, 5, 6)), draw(seed + 1, (3, 2, 4, 5, 6))
    maps = method(activations, gradients)
    assert maps.shape == (3, 2, 5, 6)
    torch.testing.assert_close(method(activations, scale * gradients), scale * maps)
    torch.testing.assert_close(method(activations[1:2], gradients[1:2]), maps[1:2])
    torch.testing.assert_close(method(activations, gradients.flip(1)), maps.flip(1))


@pytest.mark.parametrize("name", LINEAR)
def test_zero_gradient_gives_an_empty_map(name):
    assert METHODS[name].function(torch.ones(1, 2, 3, 3), torch.zeros(1, 2, 2, 3, 3)).count_nonzero() == 0
