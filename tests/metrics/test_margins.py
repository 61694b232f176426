import torch
from hypothesis import given
from hypothesis import strategies as st

from metrics.margins import best_other, margins, rivals


def test_two_margins_are_each_others_negative():
    assert margins(torch.tensor([[3.0, 1.0]])).tolist() == [[2.0, -2.0]]


def test_the_strongest_other_class_of_three():
    values, indices = best_other(torch.tensor([[5.0, 1.0, 3.0]]))
    assert values.tolist() == [[3.0, 5.0, 5.0]]
    assert indices.tolist() == [[2, 0, 0]]


@given(st.integers(2, 6), st.integers(0, 99))
def test_margins_equal_the_definition(classes, seed):
    logits = torch.randn(4, classes, generator=torch.Generator().manual_seed(seed))
    for row, found in zip(logits.double(), margins(logits), strict=True):
        for k in range(classes):
            assert found[k] == row[k] - max(row[j] for j in range(classes) if j != k)


def test_rivals_are_the_strongest_others_or_those_that_are_there():
    logits = torch.tensor([[1.0, 2.0, 9.0], [1.0, 2.0, 9.0]])
    present = torch.tensor([[True, False, False], [True, True, False]])
    assert rivals(logits, present).tolist() == [[2, 2, 1], [1, 0, 1]]


@given(st.integers(0, 99))
def test_of_two_classes_the_rival_is_the_other_one(seed):
    logits = torch.randn(5, 2, generator=torch.Generator().manual_seed(seed))
    present = torch.tensor([[True, False]] * 3 + [[True, True]] * 2)
    assert rivals(logits, present).tolist() == [[1, 0]] * 5
