from functools import partial
from types import SimpleNamespace

import pytest
import torch

from cam import CONTROLS, LADDER, Method, MethodError, Network, compute_maps
from cam.contract import call
from cam.controls import centred_gaussian, mixed_truth, random_cells, sobel_edges, truth, uniform

SIZE = (7, 7)


def inputs(images: torch.Tensor | None = None, **known: object) -> SimpleNamespace:
    images = torch.rand(2, 3, 28, 28, generator=torch.Generator().manual_seed(0)) if images is None else images
    ids = tuple(f"{i}.jpg" for i in range(len(images)))
    return SimpleNamespace(**{"images": images, "ids": ids, "seed": 0, "classes": 2, "size": SIZE, **known})


def made_by(function, asked: SimpleNamespace, **constants: float) -> torch.Tensor:
    method = Method(partial(function, **constants) if constants else function, "")
    return call(method.function, method.inputs, asked)


def drawn() -> SimpleNamespace:
    """Part 1 is the left column of cells, part 2 the next; part 1 supports class 0 by 3, part 2 class 1 by 1."""
    parts = torch.zeros(1, 28, 28, dtype=torch.uint8)
    parts[:, :, :4], parts[:, :, 4:8] = 1, 2
    effect = torch.full((1, 2, 32), torch.nan, dtype=torch.float64)
    effect[0, :, 0] = 0
    effect[0, :, 1] = torch.tensor([3.0, -3.0])
    effect[0, :, 2] = torch.tensor([-1.0, 1.0])
    return inputs(torch.rand(1, 3, 28, 28), parts=parts, part_effect=effect)


@pytest.mark.parametrize("name", sorted({**CONTROLS, **LADDER}))
def test_every_reference_is_a_finite_map_of_every_class_at_least_zero(name):
    method = {**CONTROLS, **LADDER}[name]
    made = call(method.function, method.inputs, drawn())
    assert made.shape == (1, 2, *SIZE)
    assert made.isfinite().all()
    assert made.min() >= 0


def test_random_cells_depend_on_the_image_and_class_alone():
    both = made_by(random_cells, inputs())
    one = inputs(torch.zeros(1, 3, 28, 28))
    assert torch.equal(made_by(random_cells, one)[0], both[0])
    assert not torch.equal(both[0], both[1])
    assert not torch.equal(both[0, 0], both[0, 1])
    assert not torch.equal(made_by(random_cells, inputs(one.images, seed=1)), both[:1])


def test_the_gaussian_is_highest_in_the_middle_and_symmetric():
    made = made_by(centred_gaussian, inputs())[0, 0]
    assert made.argmax() == 24
    assert made[3, 3] == 1
    torch.testing.assert_close(made, made.flip(0))
    torch.testing.assert_close(made, made.T)
    assert made[3, 0] == pytest.approx(torch.exp(torch.tensor(-((3 / 7 / 0.25) ** 2) / 2)))


def test_sobel_finds_the_edge_and_nothing_else():
    images = torch.zeros(1, 3, 28, 28)
    images[..., 14:] = 1  # an upright edge in the middle: 4 / 8 at the two columns beside it
    made = made_by(sobel_edges, inputs(images))[0, 0]
    assert made[:, 3].tolist() == pytest.approx([0.25] * 7)  # two of four columns of each cell
    assert made[:, [0, 1, 2, 4, 5, 6]].abs().max() == 0
    assert made_by(sobel_edges, inputs(torch.full((1, 3, 28, 28), 0.3))).abs().max() < 1e-6


def test_uniform_is_one_everywhere():
    assert torch.equal(made_by(uniform, inputs()), torch.ones(2, 2, *SIZE))


def test_the_truth_has_the_mass_of_every_supporting_part_on_it():
    made = made_by(truth, drawn())
    assert made[0, 0, :, 0].sum() == pytest.approx(1)  # part 1 alone supports class 0
    assert made[0, 1, :, 1].sum() == pytest.approx(1)
    assert made[0, 0, :, 0].tolist() == pytest.approx([1 / 7] * 7)
    assert made[0, 0, :, 1:].abs().max() == 0


def test_the_truth_shares_its_mass_by_effect_not_by_area():
    known = drawn()
    known.part_effect[0, 0, 2] = 1.0  # class 0: part 1 by 3, part 2 by 1
    known.parts[:, :14, :4] = 0  # part 1 is half as large now
    made = made_by(truth, known)[0, 0]
    assert made[:, 0].sum() == pytest.approx(0.75)
    assert made[:, 1].sum() == pytest.approx(0.25)


def test_no_support_is_an_empty_map():
    known = drawn()
    known.part_effect[0, 0] = -1.0
    assert made_by(truth, known)[0, 0].abs().max() == 0


def test_mixtures_lie_between_truth_and_random():
    known = drawn()
    ends = (
        made_by(truth, known),
        made_by(random_cells, known) / made_by(random_cells, known).sum(dim=(-2, -1), keepdim=True),
    )
    for share in (0.25, 0.5, 0.75):
        torch.testing.assert_close(made_by(mixed_truth, known, share=share), share * ends[0] + (1 - share) * ends[1])
    torch.testing.assert_close(made_by(LADDER["truth_25"].function, known), made_by(mixed_truth, known, share=0.25))


def test_the_truth_needs_drawn_images(gap_net):
    images = torch.rand(1, 3, 28, 28)
    with pytest.raises(MethodError, match="is known of drawn images only"):
        compute_maps(Network(gap_net), images, ["relu"], {"truth": LADDER["truth"]})


def test_random_cells_are_the_same_numbers_on_every_machine_and_in_every_version():
    given = {"images": torch.zeros(1, 3, 8, 8), "ids": ("cat.jpg",), "seed": 0, "classes": 2, "size": (1, 2)}
    made = random_cells(**given)
    torch.testing.assert_close(made.flatten(), torch.tensor([0.78844893, 0.75811738, 0.42563578, 0.43155712]))
