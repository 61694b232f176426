import pytest
import torch

from metrics import confidence
from metrics.perturbation import Curve

FULL = torch.tensor([0.8, 0.5, 1.0, 0.4])
MASKED = torch.tensor([0.2, 0.9, 1.0, 0.4])


def test_drop_increase_and_gain_by_hand():
    assert confidence.average_drop(FULL, MASKED).tolist() == pytest.approx([0.75, 0, 0, 0])
    assert confidence.increase(FULL, MASKED).tolist() == [0, 1, 0, 0]
    gain = confidence.average_gain(FULL, MASKED)
    assert gain[[0, 1, 3]].tolist() == pytest.approx([0, 0.8, 0])
    assert gain[2].isnan()  # nothing to gain at p = 1


def test_map_area_is_the_mean_of_the_scaled_map():
    maps = torch.tensor([[[0.0, 2.0], [4.0, 2.0]], [[3.0, 3.0], [3.0, 3.0]]])
    assert confidence.map_area(maps).tolist() == [0.5, 0.0]


def test_coherency_by_hand():
    """Cells (0, 1) against (1, 0), (0, 1) and (2, 2): correlation -1, 1 and none; an empty map has none either."""
    upsampled = torch.tensor([[[0.0, 1.0]], [[0.0, 4.0]], [[0.0, 1.0]], [[0.0, 0.0]]])
    again = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]], [[2.0, 2.0]], [[0.0, 1.0]]])
    seen = []
    found = confidence.coherency(upsampled, torch.ones(4, 3, 1, 2), lambda images: seen.append(images) or again)
    assert found[:2].tolist() == pytest.approx([0, 1])
    assert found[2:].isnan().all()
    assert torch.equal(seen[0], torch.ones(4, 3, 1, 2))


def test_a_map_of_another_grid_is_enlarged_before_it_is_compared():
    again = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
    enlarged = torch.nn.functional.interpolate(again[None], size=(4, 6), mode="bilinear")[0]
    found = confidence.coherency(3 * enlarged, torch.ones(1, 3, 4, 6), lambda images: again)
    assert found.item() == pytest.approx(1)


def linear_curve(values):
    found = torch.tensor(values, dtype=torch.float64)
    return Curve(torch.linspace(0, 1, found.shape[1]).double(), found, 1 - found, found)


def test_adcc_is_the_harmonic_mean_by_hand():
    """Coherency 1, complexity 0.5; p falls from 0.8 to 0.6: 3 / (1 + 2 + 4 / 3) = 9 / 13."""
    upsampled = torch.tensor([[[0.0, 1.0]], [[0.0, 1.0]]])
    logits = torch.tensor([[0.6, 0.4], [1e-300, 1.0]], dtype=torch.float64).log()
    given = torch.tensor([0.8, 0.8], dtype=torch.float64), torch.tensor([0, 0]), upsampled, torch.ones(2, 3, 1, 2)
    found = confidence.adcc(*given, lambda images: logits, lambda images: upsampled)
    assert found.tolist() == pytest.approx([9 / 13, 0])


def test_arcc_takes_the_mean_over_the_fractions_between():
    """Least minus most relevant: 0.5 and 0.3, mean 0.4: 3 / (1 + 2 + 2.5); a map that is worse than chance has 0."""
    insertion, deletion = [[0.1, 0.6, 0.8, 1]] * 2, [[1, 0.1, 0.5, 0.1], [1, 0.9, 0.9, 0.1]]
    upsampled = torch.tensor([[[0.0, 1.0]], [[0.0, 1.0]]])
    curves = linear_curve(insertion), linear_curve(deletion)
    found = confidence.arcc(*curves, upsampled, torch.ones(2, 3, 1, 2), lambda images: upsampled)
    assert found.tolist() == pytest.approx([3 / 5.5, 0])
