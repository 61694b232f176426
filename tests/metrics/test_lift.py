import pytest
import torch

from metrics.lift import animal_lift, cell_weights
from metrics.localisation import energy_in_mask
from metrics.registry import Metric, MetricError
from metrics.scaling import upsample

NAN = float("nan")


@pytest.mark.parametrize("grid", [(4, 3), (1, 1), (7, 5), (12, 9), (20, 30)])
def test_weighted_cells_give_the_energy_of_the_upsampled_map(grid):
    random = torch.Generator().manual_seed(0)
    raw = torch.rand(6, *grid, generator=random)
    mask = torch.tensor([0, 1, 255], dtype=torch.uint8)[torch.randint(0, 3, (6, 12, 9), generator=random)]
    inside, known = (raw[:, None] * cell_weights(mask, grid)).sum(dim=(2, 3)).unbind(1)
    expected = energy_in_mask(upsample(raw[:, None], (12, 9))[:, 0], mask)
    torch.testing.assert_close((inside / known).double(), expected, rtol=1e-5, atol=1e-6)


def columns(*values: float) -> torch.Tensor:
    return torch.tensor([[values]])


def left() -> torch.Tensor:
    """Weights of a grid of two cells whose first is the animal."""
    return torch.tensor([[[[1.0, 0.0]], [[1.0, 1.0]]]])


def test_lift_by_hand():
    """Energy 0.75 here; 0.5 and 0.25 of the others', one of which is empty and one not there."""
    others = torch.tensor([[[[1.0, 1.0]], [[1.0, 3.0]], [[0.0, 0.0]], [[NAN, NAN]]]])
    assert animal_lift(columns(3, 1), others, left()).item() == pytest.approx(0.75 - 0.375)
    assert animal_lift(columns(3e-30, 1e-30), 7 * others, left()).item() == pytest.approx(0.75 - 0.375)


def test_another_image_s_map_has_no_lift_and_nothing_to_compare_with_no_value():
    assert animal_lift(columns(3, 1), columns(6, 2)[None], left()).item() == 0
    assert animal_lift(columns(0, 0), columns(1, 1)[None], left()).isnan().all()
    assert animal_lift(columns(3, 1), columns(NAN, NAN)[None], left()).isnan().all()
    assert animal_lift(columns(3, 1), columns(1, 1)[None], 0 * left()).isnan().all()
    no_animal = left() * torch.tensor([0.0, 1.0])[:, None, None]
    assert animal_lift(columns(3, 1), columns(1, 1)[None], no_animal).isnan().all()


def test_an_image_without_an_animal_leaves_the_others_their_lift():
    weights = torch.cat([left(), left() * torch.tensor([0.0, 1.0])[:, None, None]])
    found = animal_lift(columns(3, 1).expand(2, 1, 2), columns(1, 1).expand(2, 1, 1, 2), weights)
    assert found[0].item() == pytest.approx(0.25)
    assert found[1].isnan()


def test_a_metric_of_other_images_can_ask_for_no_curve():
    with pytest.raises(MetricError, match="expected nothing but raw, others, mask_weights, face_weights beside"):
        Metric(lambda others, deletion_blur: others, "mine")
