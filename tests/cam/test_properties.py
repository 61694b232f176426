"""What holds for every method, control and truth of the registries: a new entry needs no test of its own for it."""

import os
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from cam import CONTROLS, LADDER, METHODS, MapBatch, Network, Tapped, maps_of
from cam.contract import call

REFERENCES = {**CONTROLS, **LADDER}
GRIDS = [(1, 1), (1, 4), (3, 5), (7, 7)]
SEEDS = st.integers(0, 10**6)
EXAMPLES = settings(max_examples=int(10 * float(os.environ.get("CAMBENCH_FUZZ", "1"))))
IMAGES, CLASSES, CHANNELS = 3, 2, 4


def captured(seed: int, grid: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Activations as after a ReLU and gradients of both signs, no larger than 1."""
    random = torch.Generator().manual_seed(seed)
    activations = torch.rand(IMAGES, CHANNELS, *grid, generator=random)
    return activations, torch.rand(IMAGES, CLASSES, CHANNELS, *grid, generator=random) * 2 - 1


def map_of(name: str, activations: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """The method's function where a network leaves these behind."""
    method, given = METHODS[name], batch_of(activations, gradients).at("tapped")
    return call(method.function, method.inputs, given)


def batch_of(activations: torch.Tensor, gradients: torch.Tensor) -> MapBatch:
    count, classes = gradients.shape[:2]
    tapped = Tapped(torch.zeros(count, classes), {"tapped": activations}, {"tapped": gradients})
    return MapBatch(Network(nn.Identity()), tapped, torch.zeros(count, 3, 8, 8), tuple(map(str, range(count))))


@pytest.mark.parametrize("name", sorted(METHODS))
class TestMethods:
    @EXAMPLES
    @given(SEEDS, st.sampled_from(GRIDS), st.permutations(range(IMAGES)))
    def test_a_map_for_every_class_of_every_image_whatever_the_batch(self, name, seed, grid, order):
        activations, gradients = captured(seed, grid)
        before = activations.clone(), gradients.clone()
        maps = map_of(name, activations, gradients)
        assert maps.shape == (IMAGES, CLASSES, *grid)
        assert maps.dtype == torch.float32
        assert maps.isfinite().all()
        assert torch.equal(activations, before[0])
        assert torch.equal(gradients, before[1])
        order = list(order)
        torch.testing.assert_close(map_of(name, activations[order], gradients[order]), maps[order])
        for image in range(IMAGES):
            one = slice(image, image + 1)
            torch.testing.assert_close(map_of(name, activations[one], gradients[one]), maps[one])

    @EXAMPLES
    @given(SEEDS, st.sampled_from(GRIDS), st.integers(-100, 100), st.integers(-20, 20))
    def test_powers_of_two_come_out_as_they_went_in(self, name, seed, grid, first, second):
        activations, gradients = captured(seed, grid)
        found = map_of(name, activations * 2.0**second, gradients * 2.0**first) / 2.0 ** (first + second)
        torch.testing.assert_close(found, map_of(name, activations, gradients), rtol=1e-5, atol=1e-6)

    @pytest.mark.parametrize("grid", GRIDS)
    @pytest.mark.parametrize("size", [0.0, 1e-38, 1e-20, 1.0, 1e18, 1e36])
    def test_extremes_give_a_map_or_an_infinity_that_shows(self, name, grid, size):
        ones = torch.ones(1, 1, *grid)
        maps = map_of(name, ones, torch.full((1, CLASSES, 1, *grid), size))
        torch.testing.assert_close(maps, torch.full_like(maps, size), rtol=1e-5, atol=0)
        assert map_of(name, ones * 1e38, torch.full((1, 1, 1, *grid), 1e38)).isinf().all()

    @pytest.mark.parametrize("bad", [torch.nan, torch.inf, -torch.inf])
    @pytest.mark.parametrize("image", range(IMAGES))
    def test_what_is_not_finite_makes_its_own_maps_undefined_and_no_others(self, name, bad, image):
        """An activation is behind the maps of all classes, a gradient behind its class's; a ReLU hides neither."""
        activations, gradients = captured(image, (3, 5))
        for place, lost in ((activations[image], [0, 1]), (gradients[image, 1], [1])):
            before = compute(name, activations, gradients)
            kept, place[2, 1, 0] = place[2, 1, 0].item(), bad
            found = compute(name, activations, gradients)
            place[2, 1, 0] = kept
            assert before.isfinite().all()
            assert found[image, lost].isnan().all()
            before[image, lost] = torch.nan
            torch.testing.assert_close(found, before, rtol=0, atol=0, equal_nan=True)


def compute(name: str, activations: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    """The maps of one method where a network leaves these behind."""
    return maps_of(batch_of(activations, gradients), {name: METHODS[name]})[name, "tapped"]


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
