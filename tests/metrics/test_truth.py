import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from metrics.truth import (
    certified_scene,
    certify_scenes,
    energy_in_evidence,
    part_correlation,
    target_sensitivity,
)

NAN = float("nan")
YES = torch.tensor([True])


def scene(masses: list[float], effects: list[float], certified: torch.Tensor = YES) -> float:
    """One row of one pixel per part: part 0 is the background."""
    upsampled = torch.tensor([[masses]], dtype=torch.float32)
    parts = torch.arange(len(masses))[None, None].to(torch.uint8)
    effect = torch.tensor([[*effects, *[NAN] * 4]], dtype=torch.float64)
    return part_correlation(upsampled, parts, effect, certified).item()


@pytest.mark.parametrize(
    ("masses", "effects", "rho"),
    [
        ([0.0, 1.0, 2.0], [0.0, 0.5, 3.0], 1.0),
        ([2.0, 1.0, 0.0], [0.0, 0.5, 3.0], -1.0),
        ([1.0, 0.0, 2.0], [0.0, 0.5, 3.0], 0.5),
        ([0.0, 1.0, 2.0], [-4.0, -3.0, -1.0], 1.0),  # signs count only in the order
        ([1.0, 1.0, 1.0], [0.0, 0.5, 3.0], NAN),  # all masses equal: no order
    ],
)
def test_part_correlation_by_hand(masses, effects, rho):
    assert scene(masses, effects) == pytest.approx(rho, nan_ok=True)


@given(st.data())
def test_part_correlation_is_spearmans(data):
    count = data.draw(st.integers(3, 8))
    masses = [float(value) for value in data.draw(st.lists(st.integers(0, 5), min_size=count, max_size=count))]
    effects = [float(value) for value in data.draw(st.lists(st.integers(-3, 3), min_size=count, max_size=count))]
    if len(set(masses)) > 1 and len(set(effects)) > 1:
        assert scene(masses, effects) == pytest.approx(stats.spearmanr(masses, effects).statistic)


def test_mass_is_summed_over_the_pixels_of_a_part():
    upsampled = torch.tensor([[[1.0, 1.0, 1.0, 2.5, 0.0]]])
    parts = torch.tensor([[[1, 1, 1, 2, 0]]], dtype=torch.uint8)
    effect = torch.tensor([[0.0, 3.0, 1.0]], dtype=torch.float64)
    assert part_correlation(upsampled, parts, effect, YES).item() == pytest.approx(1)  # 3.0, 2.5, 0.0


def test_parts_out_of_sight_and_groups_do_not_count():
    assert scene([0.0, 1.0, 2.0], [0.0, 0.5, 3.0]) == 1  # four more columns are not there
    upsampled = torch.tensor([[[0.0, 1.0, 2.0]]])
    parts = torch.tensor([[[0, 1, 2]]], dtype=torch.uint8)
    effect = torch.tensor([[0.0, 0.5, 3.0, 9.0]], dtype=torch.float64)  # part 3 has no pixel: a group
    assert part_correlation(upsampled, parts, effect, YES).item() == 1


def test_part_correlation_is_undefined_for_empty_maps_few_parts_and_other_scenes():
    assert scene([0.0, 0.0, 0.0], [0.0, 0.5, 3.0]) != scene([0.0, 0.0, 0.0], [0.0, 0.5, 3.0])
    assert torch.tensor(scene([1.0, 2.0], [0.0, 1.0])).isnan()
    assert torch.tensor(scene([0.0, 1.0, 2.0], [0.0, 0.5, 3.0], torch.tensor([False]))).isnan()


def test_energy_in_evidence():
    upsampled = torch.tensor([[[3.0, 1.0]], [[3.0, 1.0]], [[0.0, 0.0]]])
    face = torch.tensor([[[1, 0]], [[1, 0]], [[1, 0]]], dtype=torch.uint8)
    values = energy_in_evidence(upsampled, face, torch.tensor([True, False, True])).tolist()
    assert values == pytest.approx([0.75, NAN, NAN], nan_ok=True)


def test_target_sensitivity():
    upsampled = torch.tensor([[[3.0, 1.0, 9.0]], [[1.0, 3.0, 9.0]], [[0.0, 0.0, 9.0]], [[2.0, 1.0, 0.0]]])
    own = torch.tensor([[[1, 0, 0]]] * 4, dtype=torch.uint8)
    other = torch.tensor([[[0, 1, 0]]] * 4, dtype=torch.uint8)
    values = target_sensitivity(upsampled, own, other, torch.tensor([True, True, True, False])).tolist()
    assert values == pytest.approx([1.0, 0.0, NAN, NAN], nan_ok=True)


@pytest.mark.parametrize(
    ("margin", "head", "rest", "certified"),
    [
        (2.0, [1.5, NAN], [0.02, -0.04, NAN], True),
        (2.0, [0.9, NAN], [0.0, 0.0, NAN], False),  # less than half of the margin
        (2.0, [1.5, NAN], [0.06, 0.0, NAN], False),  # more than a twentieth
        (2.0, [1.5, NAN], [0.0, -0.06, NAN], False),
        (-2.0, [1.5, NAN], [0.0, 0.0, NAN], False),  # called wrong
        (NAN, [2.0, 1.0], [0.02, -0.04, 0.0], True),  # both animals
        (NAN, [2.0, -1.0], [0.0, 0.0, 0.0], False),  # one class gains without its own head
        (NAN, [2.0, 1.0], [0.06, 0.0, 0.0], False),
        (2.0, [1.0, NAN], [0.0, 0.0, NAN], False),  # just half
        (2.0, [1.5, NAN], [0.05, 0.0, NAN], False),  # just a twentieth
        (0.5, [0.3, NAN], [0.0, 0.0, NAN], True),
        (0.0, [0.5, NAN], [0.0, 0.0, NAN], False),
        (1.0, [0.6, NAN], [NAN, NAN, NAN], True),  # nothing else is there
        (NAN, [2.0, 0.0], [0.0, 0.0, 0.0], False),
        (NAN, [0.5, 0.4], [0.03, 0.0, 0.0], True),
    ],
)
def test_scenes_are_certified_by_heads_and_by_nothing_else(margin, head, rest, certified):
    found = certify_scenes(torch.tensor([margin]), torch.tensor([head]), torch.tensor([rest]))
    assert found.tolist() == [certified]
    assert certified_scene(found).tolist() == [float(certified)]


def test_scenes_are_certified_one_by_one():
    margin, head = torch.tensor([2.0, 2.0, NAN, NAN]), torch.tensor([[1.5, NAN], [0.5, NAN], [2.0, 1.0], [40.0, -1.0]])
    rest = torch.tensor([[0.0, 0.04], [0.0, 0.0], [0.04, NAN], [0.0, 0.0]])
    assert certify_scenes(margin, head, rest).tolist() == [True, False, True, False]
    rest[0, 0] = -0.06  # of a probability, whatever the margin
    assert certify_scenes(margin, head, rest).tolist() == [False, False, True, False]


def test_equal_mass_on_both_heads_does_not_follow_the_target():
    maps, own = torch.ones(1, 1, 3), torch.tensor([[[1, 0, 0]]], dtype=torch.uint8)
    other = torch.tensor([[[0, 1, 0]]], dtype=torch.uint8)
    assert target_sensitivity(maps, own, other, YES).item() == 0
    assert target_sensitivity(maps * 3e38, own, other, YES).item() == 0


def test_part_correlations_of_a_batch_are_defined_one_by_one():
    maps = torch.tensor([[[1.0, 2.0, 3.0]], [[0.0, 0.0, 0.0]], [[1.0, 2.0, 3.0]], [[3.0, 2.0, torch.nan]]])
    parts = torch.tensor([[[0, 1, 2]]] * 2 + [[[0, 1, 1]]] + [[[0, 1, 2]]], dtype=torch.uint8)
    effect = torch.tensor([[0.0, 0.5, 3.0]] * 4, dtype=torch.float64)
    found = part_correlation(maps, parts, effect, YES.expand(4)).tolist()
    assert found == pytest.approx([1.0, NAN, NAN, NAN], nan_ok=True)
