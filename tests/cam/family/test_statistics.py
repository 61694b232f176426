import numpy as np
import pytest
import torch

from cam import MethodError
from cam.family.statistics import eigencam, eigengradcam, fem, kpcacam


def draw(seed: int, shape: tuple[int, ...]) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", [(2, 6, 2, 2), (2, 3, 4, 4)])
@pytest.mark.parametrize("centred", [False, True])
def test_eigencam_is_the_first_right_singular_vector(shape, centred):
    activations = draw(0, shape).relu()
    found = eigencam(activations, 3, centred)
    assert found.shape == (2, 3, *shape[2:])
    for maps, a in zip(found, activations, strict=True):
        cells = a.flatten(1).T.double().numpy()
        if centred:
            cells = cells - cells.mean(axis=0)
        expected = cells @ np.linalg.svd(cells)[2][0]
        expected *= np.sign((expected * cells.sum(axis=1)).sum())
        np.testing.assert_allclose(maps[0].flatten(), expected, rtol=1e-4, atol=1e-5)
        assert torch.equal(maps[0], maps[2])


def test_eigencam_of_activations_that_are_not_negative_is_not_negative():
    assert eigencam(draw(1, (3, 5, 4, 4)).relu(), 1).min() >= -1e-6


def test_eigengradcam_is_eigencam_of_gradient_times_activation():
    activations, gradients = draw(0, (2, 4, 3, 3)), draw(1, (2, 2, 4, 3, 3))
    found = eigengradcam(activations, gradients)
    for k in range(2):
        torch.testing.assert_close(found[:, k], eigencam(activations * gradients[:, k], 1)[:, 0])
    torch.testing.assert_close(eigengradcam(activations, gradients * 1e-20), found * 1e-20)


def test_nothing_there_gives_nothing():
    nothing = torch.zeros(1, 3, 2, 2)
    assert eigencam(nothing, 2).count_nonzero() == 0
    assert fem(nothing, 2).count_nonzero() == 0
    assert kpcacam(nothing, 2).abs().max() < 1e-6


def test_kpcacam_is_kernel_pca():
    activations = draw(0, (2, 3, 3, 4)).relu()
    for maps, a in zip(kpcacam(activations, 2), activations, strict=True):
        cells = a.flatten(1).T.double().numpy()
        cells = cells - cells.mean(axis=0)
        kernel = np.tanh(cells @ cells.T / 3 + 1)
        centre = np.eye(12) - 1 / 12
        values, vectors = np.linalg.eigh(centre @ kernel @ centre)
        expected = vectors[:, -1] * np.sqrt(values[-1])
        expected *= np.sign((expected * cells.sum(axis=1)).sum())
        np.testing.assert_allclose(maps[0].flatten(), expected, atol=1e-5)


def test_kpcacam_of_too_many_cells_says_so():
    with pytest.raises(MethodError, match="KPCA-CAM compares every cell with every other; 65 x 64 are more than 4096"):
        kpcacam(torch.zeros(1, 1, 65, 64), 2)


def test_fem_by_hand():
    channel = torch.tensor([0.0, 0, 0, 0, 0, 0, 0, 0, 9]).view(1, 3, 3)  # mean 1, sd sqrt(8)
    flat = torch.full((1, 3, 3), 5.0)
    found = fem(torch.stack([torch.cat([channel, flat])]), 2)
    expected = torch.zeros(3, 3)
    expected[2, 2] = 1
    assert torch.equal(found[0, 1], expected)
