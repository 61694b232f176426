import math

import pytest
import torch

from metrics import METRICS
from metrics.confidence import coherency
from metrics.robustness import (
    cascade_similarity,
    class_sensitivity,
    infidelity,
    logit_similarity,
    max_sensitivity,
    randomised_similarity,
)


def pictures(count: int = 2, side: int = 24) -> torch.Tensor:
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0))


def brightness(images: torch.Tensor) -> torch.Tensor:
    """A network that looks at the upper left quarter alone; the margin of class 0 is 10 times its sum."""
    inside = images[:, :, :12, :12].double().sum(dim=(1, 2, 3))
    return torch.stack([10 * inside, torch.zeros_like(inside)], dim=1)


def test_the_linear_networks_own_contributions_are_faithful_at_any_scale():
    """What a square takes away is, for a sum of pixels, their distance from the mean colour."""
    images = pictures()
    images[:, :, :12, :12] += 1  # every contribution is above 0
    there = torch.zeros(2, 24, 24)
    there[:, :12, :12] = (images - images.mean(dim=(2, 3), keepdim=True)).sum(dim=1)[:, :12, :12]
    target = torch.tensor([0, 0])
    exact = infidelity(images, brightness(images), target, 7 * there, brightness)
    torch.testing.assert_close(exact, torch.zeros(2, dtype=torch.float64), atol=1e-9, rtol=0)
    elsewhere = infidelity(images, brightness(images), target, there.flip(1, 2), brightness)
    assert (elsewhere > 0.3).all()


def test_a_map_against_the_network_has_infidelity_one_and_an_empty_one_none():
    images = pictures()
    images[:, :, :12, :12] += 1
    there = torch.zeros(2, 24, 24)
    there[0, :12, :12] = 1
    found = infidelity(images, brightness(images), torch.tensor([1, 0]), there, brightness)
    assert found[0] == 1  # without the quarter the margin of class 1 rises
    assert found[1].isnan()
    assert infidelity(images, brightness(images), torch.tensor([0, 0]), there, lambda x: brightness(x) * 0)[0] <= 1


def test_a_margin_that_no_square_moves_has_no_infidelity():
    images = pictures()
    constant = torch.zeros(2, 2, dtype=torch.float64)
    assert infidelity(images, constant, torch.tensor([0, 1]), torch.ones(2, 24, 24), lambda x: constant).isnan().all()


def test_sensitivity_of_maps_that_follow_the_picture_by_hand():
    """The map is one pixel: |noise| / |pixel|; a map that stays has 0, an empty one none."""
    images = torch.full((3, 3, 4, 4), 0.5)
    raw = torch.stack([images[0, 0, :1, :1], torch.ones(1, 1), torch.zeros(1, 1)])

    def maps_of(changed):
        return torch.stack([changed[0, 0, :1, :1], torch.ones(1, 1), torch.zeros(1, 1)])

    generator = torch.Generator().manual_seed(0)
    largest = max(abs(torch.rand(3, 4, 4, generator=generator)[0, 0, 0].item() * 2 - 1) * 0.02 for _ in range(4))
    found = max_sensitivity(images, raw, maps_of)
    assert found[0].item() == pytest.approx(largest / 0.5, abs=1e-6)
    assert (found[1].item(), found[2].isnan().item()) == (0, True)


def test_similarity_is_spearmans_with_mean_ranks():
    """Ranks 0, 1, 2, 3 against 1.5, 1.5, 0, 3: covariance 1.5, variances 5 and 4.5."""
    raw = torch.tensor([[[1.0, 2], [3, 4]], [[0, 0], [0, 0]]])
    other = torch.tensor([[[5.0, 5], [1, 9]], [[1, 2], [3, 4]]])
    found = randomised_similarity(pictures(), raw, lambda images, change: other)
    assert found[0].item() == pytest.approx(1.5 / math.sqrt(5 * 4.5))
    assert found[1].isnan()


@pytest.mark.parametrize(
    ("metric", "shares"),
    [(randomised_similarity, [1]), (logit_similarity, [0]), (cascade_similarity, [0.25, 0.5, 0.75, 1])],
)
def test_the_network_is_shuffled_as_deep_as_it_says(metric, shares):
    asked = []
    raw = torch.rand(2, 2, 2)
    found = metric(pictures(), raw, lambda images, change: asked.append(change) or raw)
    assert (asked, found.tolist()) == (shares, pytest.approx([1, 1]))


def test_a_cascade_is_the_mean_over_the_depths():
    """Half the layers turn the map over, all of them leave nothing: (1 - 1 + 1 + 0) / 4; an empty one has none."""
    raw = torch.tensor([[[1.0, 2], [3, 4]], [[0, 0], [0, 0]]])
    found = {0.25: raw[0], 0.5: -raw[0], 0.75: raw[0], 1.0: torch.zeros(2, 2)}
    values = cascade_similarity(pictures(), raw, lambda images, share: torch.stack([found[share], raw[0]]))
    assert values[0].item() == pytest.approx(1 / 4)
    assert values[1].isnan()


def test_a_map_that_is_not_finite_afterwards_has_no_similarity():
    raw = torch.tensor([[[1.0, 2]]])
    assert randomised_similarity(pictures(), raw, lambda images, share: raw * torch.nan).isnan().all()


def test_class_sensitivity_by_hand():
    raw = torch.tensor([[[1.0, 0]], [[3, 4]], [[1, 1]], [[0, 0]]])
    other = torch.tensor([[[0.0, 2]], [[4, 3]], [[7, 7]], [[1, 0]]])
    found = class_sensitivity(raw, other)
    assert found[:3].tolist() == pytest.approx([1, 1 - 24 / 25, 0])
    assert found[3].isnan()


def test_metrics_whose_best_value_a_map_has_that_ignores_the_picture_are_marked():
    fixed = torch.rand(2, 5, 5, generator=torch.Generator().manual_seed(0))
    again = {"maps_of": lambda *_changed: fixed, "images": pictures(2, 5)}
    assert max_sensitivity(raw=fixed, **again).tolist() == [0, 0]
    found = coherency(fixed, pictures(2, 5), again["maps_of"])
    assert found.tolist() == pytest.approx([1, 1])
    assert {METRICS[name].validated for name in ("max_sensitivity", "coherency")} == {"no"}
