import pytest
import torch

from metrics import confidence

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
