"""What holds for every metric of the registry: a new entry is covered without a test of its own.

Each goes from signed maps through the same inputs, curves and evaluation as in a run, on two images of one animal and
one of both, with every annotation there is.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.engine import Stopwatch
from bench.engine.curves import Perturbation
from metrics import CURVES, METRICS
from metrics.evaluation import applicable, defined_rows, evaluate, known_rows
from metrics.inputs import BatchInputs, MapInputs, negated
from metrics.ordering import tie_permutation
from metrics.registry import OTHER_MAPS, TRUTH

IMAGES, CLASSES, STEPS, MEAN = 3, 2, 4, (0.4, 0.5, 0.6)
ROLES = ["right", "wrong", "wrong", "right", "present", "present"]
GRIDS = [(1, 1), (1, 4), (3, 5), (4, 3), (7, 7)]
MAPS = {"raw", "signed", "upsampled", "masked_images", "masked_probability", *OTHER_MAPS}
FREE = sorted(name for name, metric in METRICS.items() if metric.scale_free)
SEEDS = st.integers(0, 10**6)
EXAMPLES = settings(max_examples=int(15 * float(os.environ.get("CAMBENCH_FUZZ", "1"))))


def _moved(maps: torch.Tensor, images: torch.Tensor, change: object) -> torch.Tensor:
    """As a method's maps might be of other images, or of another network: of the same scale."""
    turned = maps.flip(2) if change is not None else maps
    return turned.double() * (0.5 + images[:, 0, :1, :1]).double()  # rounding is the network's, not the metric's


@dataclass
class World:
    """Three images, all that is known of them, and a network of one linear layer."""

    seed: int
    size: tuple[int, int]
    images: tuple[int, ...] = tuple(range(IMAGES))

    def __post_init__(self) -> None:
        random = torch.Generator().manual_seed(self.seed)
        chosen, (height, width) = list(self.images), self.size
        weights = torch.randn(3 * height * width, CLASSES, generator=random, dtype=torch.float64)
        self.score = lambda images: images.double().flatten(1) @ weights / (height * width)
        self.pictures = torch.rand(IMAGES, 3, height, width, generator=random)[chosen]
        self.masks, self.faces = (self._annotation(random)[chosen] for _ in range(2))
        parts = torch.randint(0, 4, (IMAGES, height, width), generator=random, dtype=torch.uint8)
        self.parts, self.effect = parts[chosen], torch.randn(IMAGES, CLASSES, 4, generator=random).double()[chosen]
        self.logits = self.score(self.pictures)
        self.ids = tuple(map(str, chosen))
        self.batch = BatchInputs(
            size=self.size,
            permutations=torch.stack([tie_permutation(name, height * width, 0) for name in self.ids]),
            logits=self.logits,
            rivals=torch.tensor([[1, 0]] * len(chosen)),
            masks=self.masks,
            faces=self.faces,
            images=self.pictures,
            parts=self.parts,
            part_effect=self.effect,
            certified=torch.ones(len(chosen), dtype=torch.bool),
        )
        others = torch.rand(IMAGES, CLASSES, 4, 64, generator=random)[chosen].flatten(0, 1)  # cut to the grid
        self.others = others.masked_fill(torch.arange(4)[None, :, None] == 3, torch.nan)
        self.roles = [ROLES[CLASSES * image + target] for image in chosen for target in range(CLASSES)]

    def _annotation(self, random: torch.Generator) -> torch.Tensor:
        kinds = torch.randint(0, 3, (IMAGES, CLASSES, *self.size), generator=random)
        mask = torch.tensor([0, 1, 255], dtype=torch.uint8)[kinds]
        mask[..., 0, 0] = 1
        return mask

    def forward(self, inputs: MapInputs) -> tuple[dict, torch.Tensor]:
        """Curves and masked probabilities of every map that has an order, as in a run."""
        job = SimpleNamespace(mean=MEAN, steps=STEPS, batch_size=5, seed=0)
        work = Perturbation(self.pictures, self.logits, self.ids, job, self.score, Stopwatch(torch.device("cpu")))
        rows = inputs.defined.nonzero().flatten()
        found = {name: work.curve(name, inputs, rows) for name in CURVES}
        again = {"score": self.score, "maps_of": lambda images, change=None: _moved(inputs.raw[rows], images, change)}
        images = work.masked_images(inputs, rows)
        masked = {"masked_images": images, "masked_probability": work.masked_probability(images, rows)}
        return {**found, **again, **masked}, rows

    def inputs(self, signed: torch.Tensor) -> MapInputs:
        height, width = signed.shape[2:]
        others = self.others[..., : height * width].unflatten(2, (height, width))
        return MapInputs(self.batch, signed, others=others)

    def values(self, signed: torch.Tensor, turned: bool = False) -> dict[str, torch.Tensor]:
        """(N,) of every metric that is given anywhere; rows that one is not given for are NaN too."""
        inputs = self.inputs(signed)
        inputs = negated(inputs) if turned else inputs
        forward, forward_rows = self.forward(inputs)
        known, found = known_rows(self.batch, self.roles), {}
        for name, metric in METRICS.items():
            rows = torch.from_numpy(applicable(metric, self.roles, known)).nonzero().flatten()
            if len(rows):
                found[name] = torch.full((len(self.roles),), torch.nan, dtype=torch.float64)
                found[name][rows] = evaluate(metric, inputs, rows, forward, forward_rows)
        return found


def drawn(seed: int, grid: tuple[int, int]) -> torch.Tensor:
    """Signed maps, half of them negative, largest magnitude 1."""
    maps = torch.rand(IMAGES, CLASSES, *grid, generator=torch.Generator().manual_seed(seed)) * 2 - 1
    return maps / maps.abs().amax(dim=(2, 3), keepdim=True)


def stepped(seed: int, grid: tuple[int, int]) -> torch.Tensor:
    """Signed maps of whole numbers from -7 to 7, nonzero somewhere; multiplied by anything they keep ties and order."""
    random = torch.Generator().manual_seed(seed)
    maps = torch.randint(-7, 8, (IMAGES, CLASSES, *grid), generator=random).float()
    maps[..., 0, 0] = 7
    return maps


Values = dict[str, torch.Tensor]


def same(found: Values, expected: Values, tolerance: float = 1e-9, names: Sequence[str] = ()) -> None:
    assert found.keys() == expected.keys()
    differing = [
        (name, found[name], expected[name])
        for name in names or found
        if not torch.allclose(found[name], expected[name], rtol=tolerance, atol=tolerance, equal_nan=True)
    ]
    assert not differing


def in_range(values: dict[str, torch.Tensor]) -> None:
    for name, found in values.items():
        low, high = METRICS[name].range
        defined = found[~found.isnan()]
        assert defined.isfinite().all(), (name, found)
        assert low is None or (defined >= low - 1e-6).all(), (name, found)
        assert high is None or (defined <= high + 1e-6).all(), (name, found)


@EXAMPLES
@given(SEEDS, st.sampled_from(GRIDS), st.booleans())
def test_values_are_in_range(seed, grid, turned):
    values = World(seed, (12, 9)).values(drawn(seed, grid), turned)
    assert values.keys() == METRICS.keys()
    in_range(values)


def test_every_metric_is_defined_on_ordinary_maps():
    found = [World(seed, (12, 9)).values(drawn(seed, (4, 3))) for seed in range(5)]
    assert [name for name in METRICS if not any(values[name].isfinite().any() for values in found)] == []


@EXAMPLES
@given(SEEDS, st.sampled_from(GRIDS), st.integers(-100, 126), st.booleans())
def test_a_power_of_two_changes_nothing_at_all(seed, grid, power, turned):
    world, maps = World(seed, (12, 9)), drawn(seed, grid)
    same(world.values(maps * 2.0**power, turned), world.values(maps, turned), 1e-12, FREE)


@EXAMPLES
@given(SEEDS, st.sampled_from(GRIDS), st.integers(1, 99), st.integers(-140, 115), st.booleans())
def test_scale_changes_nothing_from_the_smallest_to_the_largest_numbers(seed, grid, factor, power, turned):
    """Maps of whole numbers times c, which float32 holds exactly from c = 1e-42, where digits get lost, to 1e36."""
    world, maps = World(seed, grid), stepped(seed, grid)
    scaled = (maps.double() * factor * 2.0**power).float()
    same(world.values(scaled, turned), world.values(maps, turned), 1e-9, FREE)


@EXAMPLES
@given(SEEDS, st.permutations(range(IMAGES)))
def test_the_order_of_images_does_not_matter(seed, order):
    world, shuffled = World(seed, (8, 10)), World(seed, (8, 10), tuple(order))
    maps, order = drawn(seed, (3, 4)), list(order)
    expected = {name: v.view(IMAGES, CLASSES)[order].flatten() for name, v in world.values(maps).items()}
    same(shuffled.values(maps[order]), expected)


@EXAMPLES
@given(SEEDS)
def test_an_image_alone_scores_what_it_scores_in_a_batch(seed):
    world, maps = World(seed, (8, 10)), drawn(seed, (3, 4))
    together = world.values(maps)
    for image in range(IMAGES):
        alone = World(seed, (8, 10), (image,)).values(maps[image : image + 1])
        same(alone, {name: together[name].view(IMAGES, CLASSES)[image] for name in alone})


@EXAMPLES
@given(SEEDS, st.sampled_from([torch.nan, torch.inf, -torch.inf]), st.integers(0, IMAGES * CLASSES - 1), st.booleans())
def test_a_map_that_is_not_finite_has_no_value_and_touches_no_other(seed, bad, row, turned):
    world, maps = World(seed, (8, 10)), drawn(seed, (3, 4))
    broken = maps.clone()
    broken[row // CLASSES, row % CLASSES, seed % 3, seed % 4] = bad
    found, before = world.values(broken, turned), world.values(maps, turned)
    for name, metric in METRICS.items():
        both = any(needed in OTHER_MAPS for needed in metric.inputs)
        lost = [row, row ^ 1] if both else [row]
        assert found[name][lost].isnan().all(), name
        before[name][lost] = torch.nan
    same(found, before, 0)


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("fill", [0.0, -1.0, 1.0, 1e-45, 1e-38, 1e38, torch.finfo(torch.float32).max])
def test_constant_maps_and_single_cells_of_any_size_give_a_value_or_none(grid, fill):
    world = World(3, (6, 5))
    constant, single = torch.full((IMAGES, CLASSES, *grid), fill), torch.zeros(IMAGES, CLASSES, *grid)
    single[..., -1, -1] = fill
    for maps in (constant, single):
        values = world.values(maps)
        in_range(values)
        in_range(world.values(maps, turned=True))
        assert (values["empty"] == float(not (maps > 0).any())).all()
    assert world.values(constant)["antisymmetry"].isnan().all()  # a constant correlates with nothing


@pytest.mark.parametrize("name", sorted(name for name, metric in METRICS.items() if MAPS & set(metric.inputs)))
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
def test_the_function_alone_makes_nothing_of_a_map_that_is_not_finite(name, bad):
    """Whoever calls it without the evaluation in between gets NaN as well."""
    world, metric = World(0, (8, 10)), METRICS[name]
    inputs = world.inputs(drawn(0, (3, 4)))
    forward, _ = world.forward(inputs)
    given_to = {name: forward.get(name, getattr(inputs, name, None)) for name in metric.inputs}
    for broken in MAPS & set(metric.inputs):
        spoilt = given_to[broken].clone()
        spoilt[(0, *(0 for _ in spoilt.shape[1:]))] = bad if broken != "masked_probability" else torch.nan
        values = metric.function(**{**given_to, broken: spoilt})
        assert values.shape == (IMAGES * CLASSES,)
        assert values[0].isnan()
        torch.testing.assert_close(values[1:], metric.function(**given_to)[1:], equal_nan=True)


@pytest.mark.parametrize("name", sorted(METRICS))
def test_a_metric_is_given_where_all_its_annotations_are_and_nowhere_else(name):
    """Without one of them no row is left; truth comes as a whole, the other animal's on images of both alone."""
    metric = METRICS[name]
    world = World(0, (8, 10))
    known = known_rows(world.batch, world.roles)
    for annotation in metric.annotations:
        lacking = {**known, annotation: torch.zeros(len(ROLES), dtype=torch.bool).numpy()}
        assert not applicable(metric, world.roles, lacking).any()
    assert applicable(metric, world.roles, known).tolist() == [
        role in metric.roles and (role == "present" or not any(a.startswith("other_") for a in metric.annotations))
        for role in ROLES
    ]


def test_annotations_are_known_row_by_row():
    world = World(0, (8, 10))
    world.masks[0], world.masks[2, 1], world.faces[:, 0] = 255, 255, 255
    world.effect[1] = torch.nan
    known = {name: rows.tolist() for name, rows in known_rows(world.batch, world.roles).items()}
    assert known["mask"] == [False, False, True, True, True, False]
    assert known["other_mask"] == [False] * 4 + [False, True]
    assert known["face"] == [False, True] * 3
    assert known["other_face"] == [False] * 4 + [True, False]
    assert {tuple(known[name]) for name in TRUTH} == {(True, True, False, False, True, True)}
    nothing = BatchInputs(world.size, world.batch.permutations, world.batch.logits, world.batch.rivals)
    assert not any(rows.any() for rows in known_rows(nothing, world.roles).values())


def test_only_metrics_of_both_classes_need_both_maps():
    inputs = MapInputs(World(0, (8, 10)).batch, drawn(0, (3, 4)).index_fill(0, torch.tensor([1]), torch.nan))
    half = drawn(0, (3, 4))
    half[2, 0] = torch.nan
    lopsided = MapInputs(World(0, (8, 10)).batch, half)
    assert defined_rows(METRICS["effective_area"], lopsided).tolist() == [True] * 4 + [False, True]
    assert defined_rows(METRICS["antisymmetry"], lopsided).tolist() == [True] * 4 + [False, False]
    assert inputs.defined.tolist() == inputs.other_defined.tolist() == [True, True, False, False, True, True]
