import dataclasses
from collections import namedtuple

import pytest
import torch

from weights import WeightsError
from weights.outputs import Wanted, taken, unpacking

Pair = namedtuple("Pair", "features score")
FIRST, SECOND = torch.rand(4, 3), torch.rand(4, 3)


@dataclasses.dataclass
class Output:
    logits: torch.Tensor
    aux: torch.Tensor


SEVERAL = {
    "tuple": (FIRST, SECOND),
    "dict": {"out": FIRST, "aux": SECOND},
    "dataclass": Output(FIRST, SECOND),
    "named tuple": Pair(FIRST, SECOND),
}


@pytest.mark.parametrize(
    ("kind", "part"),
    [
        ("tuple", "1"),
        ("dict", "aux"),
        ("dict", "1"),
        ("dataclass", "aux"),
        ("named tuple", "score"),
        ("named tuple", "1"),
    ],
)
def test_the_named_part_counts(kind, part):
    wanted = Wanted(3, part=part)
    outputs = taken(SEVERAL[kind], 4, wanted)
    assert torch.equal(outputs, SECOND)
    assert unpacking(SEVERAL[kind], outputs, wanted) is None  # it was asked for


@pytest.mark.parametrize("part", ["2", "logit", "-1", "aux.0"])
def test_a_part_that_is_not_there(part):
    with pytest.raises(WeightsError, match=rf"without a part '{part}'; name one of its parts with --output: out, aux"):
        taken(SEVERAL["dict"], 4, Wanted(3, part=part))


def test_a_part_that_is_no_matrix():
    with pytest.raises(WeightsError, match=r"\(0: \(4, 3\), 1: \(4, 3\)\), and part '1' is no matrix \(B, 3\)"):
        taken(SEVERAL["tuple"], 5, Wanted(3, part="1"))


def test_a_part_of_a_tensor():
    with pytest.raises(WeightsError, match=r"returns one tensor \(4, 3\), without a part 'logits'; leave out --output"):
        taken(FIRST, 4, Wanted(3, part="logits"))


def test_several_parts_of_one_shape_need_a_name():
    message = r"\(B, 3\); let forward\(\) return the logits alone, \(B, 3\), or name their part with --output"
    with pytest.raises(WeightsError, match=message):
        taken(SEVERAL["tuple"], 4, Wanted(3))
    assert torch.equal(taken(SEVERAL["dataclass"], 4, Wanted(3)), FIRST)


@pytest.mark.parametrize(("wanted", "found"), [(Wanted(3), 3), (Wanted(9, or_more=True), 12)])
def test_features_beside_the_outputs_have_other_widths(wanted, found):
    output = (torch.rand(2, 3), torch.rand(2, 12), torch.rand(2, 5))
    assert taken(output, 2, wanted).shape == (2, found)
