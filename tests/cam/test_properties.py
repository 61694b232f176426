"""What holds for every method, control and truth of the registries: a new entry needs no test of its own for it."""

import dataclasses
import os
from collections.abc import Sequence
from types import SimpleNamespace

import pytest
import torch
import torch.nn.functional as F
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

from cam import CONTROLS, LADDER, METHODS, MapBatch, Network, maps_of
from cam.contract import call

REFERENCES = {**CONTROLS, **LADDER}
GRIDS = [(1, 1), (1, 4), (3, 5), (7, 7)]
SEEDS = st.integers(0, 10**6)
FUZZ = float(os.environ.get("CAMBENCH_FUZZ", "1"))
EXAMPLES, FEW = settings(max_examples=int(10 * FUZZ)), settings(max_examples=max(1, int(2 * FUZZ)))
IMAGES, CLASSES, CHANNELS, LAYER = 3, 2, 4, "late"
FAST = sorted(name for name, method in METHODS.items() if method.fast)
SLOW = sorted(name for name, method in METHODS.items() if not method.fast)
PROPORTIONAL = ["gradcam", "gradcam_elementwise", "hirescam", "layercam", "xgradcam"]  # to A and to G
MIXING = ["finercam", "shapleycam"]  # one class's gradient is behind all maps
SUMS = ["gradcam", "gradcam_elementwise", "hirescam", "layercam"]  # of products of A and G, and nothing else


class Small(nn.Module):
    """Two resolutions, global average pooling and a linear head, so that every method is defined at `late`."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.early = nn.Sequential(nn.Conv2d(3, 3, 3, padding=1), nn.ReLU())
        self.late = nn.Sequential(nn.MaxPool2d(2), nn.Conv2d(3, CHANNELS, 3, padding=1), nn.ReLU(inplace=True))
        self.head = nn.Linear(CHANNELS, CLASSES)
        random = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            parameter.requires_grad_(False).copy_(torch.randn(parameter.shape, generator=random))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.late(self.early(images)).mean(dim=(2, 3)))


class Attending(nn.Module):
    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        heads = tokens.unflatten(-1, (2, CHANNELS // 2)).transpose(1, 2)
        return tokens + F.scaled_dot_product_attention(heads, heads, heads).transpose(1, 2).flatten(2)


class SmallTransformer(nn.Module):
    """Patches of 2 x 2, two blocks without parameters, the mean of the tokens and a linear head."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self.patches, self.early, self.late = nn.Conv2d(3, CHANNELS, 2, stride=2), Attending(), Attending()
        self.head = nn.Linear(CHANNELS, CLASSES)
        random = torch.Generator().manual_seed(seed)
        for parameter in self.parameters():
            parameter.requires_grad_(False).copy_(torch.randn(parameter.shape, generator=random))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.late(self.early(self.patches(images).flatten(2).transpose(1, 2))).mean(dim=1))


def pictures(seed: int, grid: tuple[int, int]) -> torch.Tensor:
    """Pictures whose maps at `late` have this size."""
    random = torch.Generator().manual_seed(seed)
    return torch.rand(IMAGES, 3, 2 * grid[0], 2 * grid[1], generator=random)


def batch_of(
    seed: int, images: torch.Tensor, which: Sequence[int] = range(IMAGES), batch_size: int = 32, name: str = "gradcam"
) -> MapBatch:
    """Images and a network for which the method is defined."""
    attends = "attention" in METHODS[name].inputs if name in METHODS else False
    network, chosen = SmallTransformer(seed) if attends else Small(seed), images[list(which)]
    made = Network(network, reshape="tokens:0" if attends else "auto")
    return MapBatch(made, made.tap(chosen, (LAYER,)), chosen, tuple(map(str, which)), seed, batch_size)


def maps_in(name: str, batch: MapBatch) -> torch.Tensor:
    return maps_of(batch, {name: METHODS[name]})[name, LAYER]


def captured(seed: int, grid: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Activations as after a ReLU and gradients of both signs, no larger than 1."""
    random = torch.Generator().manual_seed(seed)
    activations = torch.rand(IMAGES, CHANNELS, *grid, generator=random)
    return activations, torch.rand(IMAGES, CLASSES, CHANNELS, *grid, generator=random) * 2 - 1


def check_any_batch(name: str, seed: int, grid: tuple[int, int], order: list[int]) -> None:
    images = pictures(seed, grid)
    batch = batch_of(seed, images, name=name)
    assume(
        float(batch.tapped.logits.abs().min()) > 0.05
    )  # Ablation-CAM divides by it: near 0 its rounding is all one sees
    before = [images.clone(), batch.tapped.activations[LAYER].clone(), batch.tapped.gradients[LAYER].clone()]
    maps = maps_in(name, batch)
    assert maps.shape == (IMAGES, CLASSES, *grid)
    assert maps.dtype == torch.float32
    assert maps.isfinite().all()
    for kept, now in zip(before, (images, batch.tapped.activations[LAYER], batch.tapped.gradients[LAYER]), strict=True):
        assert torch.equal(kept, now)
    scale = max(1e-2, float(maps.abs().amax()))  # below it rounding of probabilities shows
    for which, size in ((order, 2), *(([image], 1) for image in range(IMAGES))):
        found = maps_in(name, batch_of(seed, images, which, size, name))
        torch.testing.assert_close(found, maps[which], rtol=1e-5, atol=1e-5 * scale)


@pytest.mark.parametrize("name", FAST)
@EXAMPLES
@given(SEEDS, st.sampled_from(GRIDS), st.permutations(range(IMAGES)))
def test_a_map_for_every_class_of_every_image_whatever_the_batch(name, seed, grid, order):
    check_any_batch(name, seed, grid, list(order))


@pytest.mark.parametrize("name", SLOW)
@FEW
@given(SEEDS, st.sampled_from(GRIDS), st.permutations(range(IMAGES)))
def test_the_same_of_methods_that_run_the_network_again(name, seed, grid, order):
    check_any_batch(name, seed, grid, list(order))


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_black_picture_and_a_network_that_says_nothing_give_a_map(name):
    batch = batch_of(0, torch.zeros(IMAGES, 3, 6, 10), name=name)
    assert maps_in(name, batch).isfinite().all()
    batch.network.network.head.weight.zero_()
    tapped = batch.network.tap(batch.images, (LAYER,))
    maps = maps_in(name, dataclasses.replace(batch, tapped=tapped))
    assert maps.isfinite().all()


@pytest.mark.parametrize("name", sorted(METHODS))
def test_an_entry_says_what_it_is(name):
    method = METHODS[name]
    assert method.title and method.meaning and method.source and method.formula
    assert method.function.__doc__ or method.function.func.__doc__


@pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
@pytest.mark.parametrize("name", sorted(METHODS))
def test_what_is_not_finite_makes_its_own_maps_undefined_and_no_others(name, bad):
    """An activation is behind the maps of all classes, a gradient behind its class's; a ReLU hides neither."""
    batch, image = batch_of(1, pictures(1, (3, 5)), name=name), 1
    asked, tapped = METHODS[name].inputs, batch.tapped
    places = [("activations", tapped.activations[LAYER][image], [0, 1])]
    places += [("gradients", tapped.gradients[LAYER][image, 1], [1])]
    for what, place, lost in places:
        if what in asked:
            before = maps_in(name, dataclasses.replace(batch))
            kept, place[2, 1, 0] = place[2, 1, 0].item(), bad
            found = maps_in(name, dataclasses.replace(batch))
            place[2, 1, 0] = kept
            assert before.isfinite().all()
            if name in MIXING:
                lost = [0, 1]
            assert not found[image, lost].isfinite().any()
            assert name in MIXING or found[image, lost].isnan().all()
            found[image, lost] = before[image, lost] = torch.nan
            torch.testing.assert_close(found, before, rtol=0, atol=0, equal_nan=True)


@pytest.mark.parametrize("name", PROPORTIONAL)
@EXAMPLES
@given(SEEDS, st.sampled_from(GRIDS), st.integers(-100, 100), st.integers(-20, 20))
def test_powers_of_two_come_out_as_they_went_in(name, seed, grid, first, second):
    (activations, gradients), method = captured(seed, grid), METHODS[name].function
    found = method(activations * 2.0**second, gradients * 2.0**first) / 2.0 ** (first + second)
    torch.testing.assert_close(found, method(activations, gradients), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", SUMS)
@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("size", [0.0, 1e-38, 1e-20, 1.0, 1e18, 1e36])
def test_extremes_give_a_map_or_an_infinity_that_shows(name, grid, size):
    ones, method = torch.ones(1, 1, *grid), METHODS[name].function
    maps = method(ones, torch.full((1, CLASSES, 1, *grid), size))
    torch.testing.assert_close(maps, torch.full_like(maps, size), rtol=1e-5, atol=0)
    assert method(ones * 1e38, torch.full((1, 1, 1, *grid), 1e38)).isinf().all()


def made_by(name: str, given: SimpleNamespace) -> torch.Tensor:
    return call(REFERENCES[name].function, REFERENCES[name].inputs, given)


def known(seed: int, grid: tuple[int, int], images: tuple[int, ...] = tuple(range(IMAGES))) -> SimpleNamespace:
    random = torch.Generator().manual_seed(seed)
    chosen = list(images)
    effect = torch.randn(IMAGES, CLASSES, 4, generator=random).double() * 10.0 ** (seed % 60 - 30)
    effect[0, :, 3] = torch.nan  # a part that is not there
    return SimpleNamespace(
        images=torch.rand(IMAGES, 3, 12, 16, generator=random)[chosen],
        ids=tuple(f"{seed}-{i}" for i in chosen),
        seed=seed,
        classes=CLASSES,
        size=grid,
        parts=torch.randint(0, 4, (IMAGES, 12, 16), generator=random, dtype=torch.uint8)[chosen],
        part_effect=effect[chosen],
    )


@pytest.mark.parametrize("name", sorted(REFERENCES))
class TestReferences:
    @EXAMPLES
    @given(SEEDS, st.sampled_from(GRIDS), st.permutations(range(IMAGES)))
    def test_a_finite_map_at_least_zero_whatever_the_batch(self, name, seed, grid, order):
        maps = made_by(name, known(seed, grid))
        assert maps.shape == (IMAGES, CLASSES, *grid)
        assert maps.dtype == torch.float32
        assert maps.isfinite().all()
        assert maps.min() >= 0
        torch.testing.assert_close(made_by(name, known(seed, grid, tuple(order))), maps[list(order)])
        for image in range(IMAGES):
            torch.testing.assert_close(made_by(name, known(seed, grid, (image,))), maps[image : image + 1])

    @EXAMPLES
    @given(SEEDS, st.sampled_from(GRIDS), st.integers(-20, 20))
    def test_the_truth_knows_no_scale_and_controls_no_truth(self, name, seed, grid, power):
        inputs = known(seed, grid)
        scaled = SimpleNamespace(**{**vars(inputs), "part_effect": inputs.part_effect * 2.0**power})
        torch.testing.assert_close(made_by(name, scaled), made_by(name, inputs))

    @pytest.mark.parametrize("fill", [0.0, 0.5, 1.0])
    def test_pictures_of_one_colour_give_a_map(self, name, fill):
        inputs = known(0, (3, 5))
        maps = made_by(name, SimpleNamespace(**{**vars(inputs), "images": torch.full_like(inputs.images, fill)}))
        assert maps.isfinite().all()
        assert maps.min() >= 0
