import pytest
import torch

from cam import Method, MethodError

SHAPE, CPU = (2, 3, 4, 5), torch.device("cpu")


def own(finish=None) -> Method:
    return Method(lambda activations: activations, "Own", finish=finish)


def test_maps_of_the_right_shape_pass():
    maps = torch.rand(SHAPE)
    assert own().checked(maps, SHAPE, CPU) is maps


@pytest.mark.parametrize(
    ("found", "said"),
    [
        (torch.zeros(2, 3, 5, 4), r"method 'Own' gave \(2, 3, 5, 4\), expected a tensor \(2, 3, 4, 5\)"),
        ([1.0], r"method 'Own' gave list, expected a tensor \(2, 3, 4, 5\)"),
        (None, "method 'Own' gave NoneType, expected"),
    ],
)
def test_anything_else_is_refused(found, said):
    with pytest.raises(MethodError, match=f"^{said}"):
        own().checked(found, SHAPE, CPU)


def test_what_a_users_function_gave_is_finished_for_its_shape_and_device():
    asked = []

    def finish(*given: object) -> torch.Tensor:
        asked.append(given)
        return torch.ones(1)

    assert own(finish).checked([2.0], SHAPE, CPU).tolist() == [1]
    assert asked == [([2.0], SHAPE, CPU)]


def test_what_a_method_needs_is_told_by_its_parameters():
    needs = {
        "activations": lambda activations: None,
        "gradients": lambda activations, gradients: None,
        "passes": lambda activations, score: None,
    }
    found = {name: Method(function, name) for name, function in needs.items()}
    assert {name: method.inputs for name, method in found.items()} == {
        "activations": ("activations",),
        "gradients": ("activations", "gradients"),
        "passes": ("activations", "score"),
    }
    assert [method.needs_gradients for method in found.values()] == [False, True, False]
    assert [method.fast for method in found.values()] == [True, True, False]
    assert not any(method.needs_truth for method in found.values())
    with pytest.raises(MethodError, match="method 'Typo' asks for an unknown input 'activation'"):
        Method(lambda activation: None, "Typo")
