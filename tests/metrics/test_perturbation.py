import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from metrics import perturbation
from metrics.ordering import rank_pixels, tie_permutation
from metrics.perturbation import Curve, auc, auc_error, curve, masked_logits, step_sizes


def brightness(images: torch.Tensor) -> torch.Tensor:
    """Logits (N, 2): mean brightness, and its negative."""
    mean = images.mean(dim=(1, 2, 3))
    return torch.stack([mean, -mean], dim=1)


def logits_of(images, substrate, ranks, steps, direction, batch_size, owner=None):
    owner = torch.arange(len(ranks)) if owner is None else owner
    ends = brightness(images), brightness(substrate)
    return masked_logits(
        brightness, images, substrate, ranks, owner,
        ends=ends, steps=steps, direction=direction, batch_size=batch_size,
    )  # fmt: skip


def test_curves_on_two_by_two_pixels_by_hand():
    image = torch.tensor([[0.8, 0.4], [0.2, 0.0]]).expand(1, 3, 2, 2)
    substrate = torch.zeros(1, 3, 2, 2)
    ranks = torch.tensor([[[1, 0], [2, 3]]])  # 0.4 goes first, then 0.8, 0.2, 0.0
    deletion = logits_of(image, substrate, ranks, 4, "deletion", 2)[0, :, 0]
    insertion = logits_of(image, substrate, ranks, 4, "insertion", 2)[0, :, 0]
    np.testing.assert_allclose(deletion, np.array([1.4, 1.0, 0.2, 0.0, 0.0]) / 4, atol=1e-7)
    np.testing.assert_allclose(insertion, np.array([0.0, 0.4, 1.2, 1.4, 1.4]) / 4, atol=1e-7)
    two_steps = logits_of(image, substrate, ranks, 2, "deletion", 2)[0, :, 0]
    np.testing.assert_allclose(two_steps, np.array([1.4, 0.2, 0.0]) / 4, atol=1e-7)


def case(seed: int, images: int = 3, side: int = 6):
    generator = torch.Generator().manual_seed(seed)
    pictures = torch.rand(images, 3, side, side, generator=generator)
    substrate = torch.rand(images, 3, side, side, generator=generator)
    maps = torch.rand(2 * images, side, side, generator=generator)
    permutations = torch.stack([tie_permutation(str(i), side * side, seed) for i in range(2 * images)])
    return pictures, substrate, rank_pixels(maps, permutations), torch.arange(images).repeat_interleave(2)


@given(
    st.integers(0, 10**6),
    st.sampled_from([2, 4, 6, 12]),
    st.integers(1, 40),
    st.sampled_from(["deletion", "insertion"]),
)
def test_batch_size_does_not_matter_and_is_never_exceeded(seed, steps, batch_size, direction):
    pictures, substrate, ranks, owner = case(seed)
    sizes = []

    def score(images):
        sizes.append(len(images))
        return brightness(images)

    ends = brightness(pictures), brightness(substrate)
    options = {"ends": ends, "steps": steps, "direction": direction}
    got = masked_logits(score, pictures, substrate, ranks, owner, batch_size=batch_size, **options)
    one = masked_logits(brightness, pictures, substrate, ranks, owner, batch_size=1, **options)
    torch.testing.assert_close(got, one)
    assert max(sizes) <= batch_size
    assert sum(sizes) == len(ranks) * (steps - 1)


@given(st.integers(0, 10**6), st.sampled_from([2, 6, 12, 36]))
def test_deletion_in_reversed_order_is_insertion_read_backwards(seed, steps):
    pictures, substrate, ranks, owner = case(seed)  # 36 pixels: every step takes the same number
    insertion = logits_of(pictures, substrate, ranks, steps, "insertion", 8, owner)
    reversed_deletion = logits_of(pictures, substrate, 35 - ranks, steps, "deletion", 8, owner)
    torch.testing.assert_close(reversed_deletion.flip(1), insertion)


def test_no_maps_give_no_curves():
    empty = torch.zeros(0, 6, 6, dtype=torch.int32)
    assert logits_of(torch.rand(1, 3, 6, 6), torch.rand(1, 3, 6, 6), empty, 4, "deletion", 8).shape == (
        0,
        5,
        2,
    )


def test_steps_are_equal_up_to_one_pixel_and_cover_all():
    assert step_sizes(50176, 32).tolist() == [1568 * s for s in range(33)]
    assert step_sizes(50176, 224).tolist() == [224 * s for s in range(225)]
    assert step_sizes(10, 4).tolist() == [0, 3, 5, 8, 10]


def test_auc_of_known_curves():
    assert auc(torch.tensor([1.0, 1.0, 1.0])).item() == 1
    assert auc(torch.tensor([1.0, 0.5, 0.0])).item() == 0.5
    assert auc(torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0])).item() == 0.125
    assert auc_error(torch.tensor([1.0, 0.0, 0.0, 0.0, 0.0])).item() == 0.125  # the half grid says 0.25
    assert auc_error(torch.linspace(1, 0, 9)).item() == pytest.approx(0, abs=1e-7)


def test_curve_probabilities_and_margin():
    logits = torch.tensor([[[0.0, 0.0], [np.log(3), 0.0]]])
    of_first, of_second = curve(logits, torch.tensor([0])), curve(logits, torch.tensor([1]))
    assert of_first.fraction.tolist() == [0, 1]
    np.testing.assert_allclose(of_first.probability, [[0.5, 0.75]])
    np.testing.assert_allclose(of_second.probability, [[0.5, 0.25]], rtol=1e-7)
    np.testing.assert_allclose(of_first.margin, [[0, np.log(3)]], rtol=1e-7)
    np.testing.assert_allclose(of_second.margin, [[0, -np.log(3)]], rtol=1e-7)


@given(st.integers(0, 10**6))
def test_two_classes_sum_to_one_and_margins_are_opposite(seed):
    logits = 20 * torch.randn(4, 9, 2, generator=torch.Generator().manual_seed(seed))
    first, second = (curve(logits, torch.full((4,), k)) for k in (0, 1))
    torch.testing.assert_close(first.probability + first.probability_other, torch.ones(4, 9, dtype=torch.float64))
    torch.testing.assert_close(first.probability_other, second.probability)
    torch.testing.assert_close(first.margin, -second.margin)


def test_three_classes_take_the_strongest_other():
    result = curve(torch.tensor([[[1.0, 5.0, 3.0]]]).expand(1, 2, 3), torch.tensor([1]))
    assert result.margin[0, 0].item() == 2
    assert result.probability_other[0, 0].item() == pytest.approx(np.exp(3) / np.exp([1, 5, 3]).sum())


def constant_curve(height: float, margin: float) -> Curve:
    level = torch.full((2, 5), height, dtype=torch.float64)
    return Curve(torch.linspace(0, 1, 5).double(), level, 1 - level, torch.full_like(level, margin))


def test_srg_is_insertion_minus_deletion():
    high, low = constant_curve(0.9, 3.0), constant_curve(0.2, -1.0)
    assert perturbation.srg_probability(high, low).tolist() == pytest.approx([0.7, 0.7])
    assert perturbation.srg_margin(high, low).tolist() == [4.0, 4.0]
    assert perturbation.srg_margin_error(high, low).tolist() == [0.0, 0.0]
    assert perturbation.deletion_auc(low).tolist() == pytest.approx([0.2, 0.2])
    assert perturbation.insertion_auc(high).tolist() == pytest.approx([0.9, 0.9])


def test_error_of_a_difference_is_that_of_the_difference_of_the_curves():
    bumps = torch.tensor([[0.0, 1.0, 0.0, 0.5, 0.0]], dtype=torch.float64)
    first, second = (Curve(torch.linspace(0, 1, 5).double(), k * bumps, bumps, k * bumps) for k in (3, 1))
    expected = auc_error(2 * bumps).tolist()
    assert expected[0] > 0.1
    assert perturbation.srg_probability_error(first, second).tolist() == pytest.approx(expected)
    assert perturbation.srg_margin_error(first, second).tolist() == pytest.approx(expected)


def test_curves_read_backwards_are_those_of_the_opposite_order():
    generator = torch.Generator().manual_seed(0)
    images, substrate = torch.rand(2, 2, 3, 6, 6, generator=generator)
    ranks = torch.stack([torch.randperm(36, generator=generator).view(6, 6) for _ in range(2)])
    weights = torch.randn(3 * 36, 2, generator=generator)

    def score(batch: torch.Tensor) -> torch.Tensor:
        return batch.flatten(1) @ weights

    def curve(direction: str, order: torch.Tensor):
        ends = score(images), score(substrate)
        logits = perturbation.masked_logits(
            score, images, substrate, order, torch.arange(2), ends=ends, steps=6, direction=direction, batch_size=4
        )
        return perturbation.curve(logits, torch.tensor([0, 1]))

    for direction in ("deletion", "insertion"):
        other = perturbation.turned(f"{direction}_blur").partition("_")[0]
        expected, found = curve(other, 35 - ranks), perturbation.read_backwards(curve(direction, ranks))
        torch.testing.assert_close(found.probability, expected.probability)
        torch.testing.assert_close(found.margin, expected.margin)
    assert perturbation.turned("deletion_mean") == "insertion_mean"
    assert (perturbation.turned("insertion_blur"), perturbation.turned("deletion_blur")) == (
        "deletion_blur",
        "insertion_blur",
    )
