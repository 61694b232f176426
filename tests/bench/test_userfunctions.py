"""A user's own functions: whatever they are, raise or return is used as meant, or one line that names it."""

from functools import partial

import numpy as np
import pytest
import torch

from bench.run.selection import select_methods
from bench.userfunctions import UserFunctionError, as_map, guarded_map, guarded_values
from cam import CONTROLS, Method

A, G = torch.rand(4, 3, 7, 7), torch.rand(4, 2, 3, 7, 7)
GOOD = (G * A[:, None]).sum(dim=2)


def guarded(what: str, function):
    """The function as a run calls it on these activations and gradients."""
    return partial(made, Method(guarded_map(what, function), what, finish=as_map(what)))


def made(method: Method, activations: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
    given = {"activations": activations, "gradients": gradients}
    shape = (*gradients.shape[:2], *activations.shape[-2:])
    return method.checked(method.function(**{name: given[name] for name in method.inputs}), shape, activations.device)


RETURNED = {  # what a method may return that is no map: the value and what is said of it
    "None": (None, "None, expected a tensor (4, 2, 7, 7)"),
    "a list": (GOOD.tolist(), "a list, expected a tensor (4, 2, 7, 7)"),
    "a tuple": ((GOOD,), "a tuple, expected a tensor (4, 2, 7, 7)"),
    "a number": (3.0, "a float, expected a tensor (4, 2, 7, 7)"),
    "one class": (GOOD[:, 0], "(4, 7, 7), expected (4, 2, 7, 7)"),
    "a batch too small": (GOOD[:1], "(1, 2, 7, 7), expected (4, 2, 7, 7)"),
    "another size": (GOOD[..., :6], "(4, 2, 7, 6), expected (4, 2, 7, 7)"),
    "a mean": (GOOD.mean(), "(), expected (4, 2, 7, 7)"),
    "complex": (GOOD + 1j, "complex numbers, expected a tensor (4, 2, 7, 7) of real numbers"),
    "sparse": (GOOD.to_sparse(), "a torch.sparse_coo tensor of torch.float32"),
    "meta": (GOOD.to("meta"), "a tensor on meta, expected one on cpu"),
    "a NumPy array too small": (GOOD.numpy()[0], "(2, 7, 7), expected (4, 2, 7, 7)"),
    "NumPy objects": (GOOD.numpy().astype(object), "a numpy.ndarray, expected a tensor (4, 2, 7, 7)"),
    "NumPy text": (GOOD.numpy().astype(str), "a numpy.ndarray, expected a tensor (4, 2, 7, 7)"),
    "NumPy complex": (GOOD.numpy() + 1j, "a numpy.ndarray, expected a tensor (4, 2, 7, 7)"),
    "a masked array": (np.ma.masked_array(GOOD.numpy()), "a numpy.ma.MaskedArray"),
    "a function": (lambda: GOOD, "a function, expected a tensor (4, 2, 7, 7)"),
}


@pytest.mark.parametrize("kind", RETURNED)
def test_what_is_no_map_is_refused_in_one_line(kind):
    value, said = RETURNED[kind]
    with pytest.raises(UserFunctionError) as raised:
        guarded("method 'mine:f'", lambda activations, gradients: value)(A, G)
    assert str(raised.value).startswith(f"method 'mine:f' returned {said}")


CONVERTED = {
    "float64": GOOD.double(),
    "float16": GOOD.half(),
    "bfloat16": GOOD.bfloat16(),
    "int64": (GOOD * 9).long(),
    "uint8": (GOOD * 9).to(torch.uint8),
    "bool": GOOD > 0.5,
    "with a graph": GOOD.clone().requires_grad_() * 2,
    "a parameter": torch.nn.Parameter(GOOD.clone()),
    "a transposed view": GOOD.transpose(2, 3),
    "expanded": GOOD[:, :1].expand(4, 2, 7, 7),
    "NumPy": GOOD.numpy(),
    "NumPy integers, backwards": (GOOD.numpy() * 9).astype(">i4")[:, ::-1],
    "NumPy bool": GOOD.numpy() > 0.5,
}


@pytest.mark.parametrize("kind", CONVERTED)
def test_real_numbers_of_any_kind_become_a_map_of_its_own(kind):
    value = CONVERTED[kind]
    found = guarded("method", lambda activations, gradients: value)(A, G)
    assert (found.dtype, found.requires_grad, found.grad_fn) == (torch.float32, False, None)
    expected = torch.from_numpy(value.astype(np.float64)) if isinstance(value, np.ndarray) else value.detach()
    torch.testing.assert_close(found, expected.float())
    found.zero_()
    assert (np.asarray(value) if isinstance(value, np.ndarray) else value).any()


def test_numbers_too_large_become_infinite_and_so_undefined():
    found = guarded("method", lambda activations, gradients: GOOD.double() + 1e300)(A, G)
    assert found.isinf().all()


def test_what_a_function_raises_is_named_with_its_line(module):
    module(
        """
        import sys
        import torch

        def divide(activations, gradients):
            return deeper(activations.numel())

        def deeper(n):
            return n / 0

        def leave(activations, gradients):
            sys.exit(0)

        def shapes(activations, gradients):
            return torch.cat([activations, gradients])
        """
    )
    for name, said in (
        ("divide", "raised ZeroDivisionError: division by zero (mine.py, line 9)"),
        ("leave", "raised SystemExit: 0 (mine.py, line 12)"),
        ("shapes", "raised RuntimeError: Tensors must have same number of dimensions: got 4 and 5 (mine.py, line 15)"),
    ):
        method = select_methods([f"mine:{name}"])[f"mine:{name}"]
        with pytest.raises(UserFunctionError) as raised:
            made(method, A, G)
        assert str(raised.value) == f"method 'mine:{name}' {said}"


def test_a_function_works_on_copies():
    activations, gradients = A.clone(), G.clone()

    def greedy(activations, gradients):
        activations.relu_().zero_()
        return gradients.mul_(0).sum(dim=2)

    guarded("method", greedy)(activations, gradients)
    assert torch.equal(activations, A)
    assert torch.equal(gradients, G)

    def spread(raw, deletion_blur=None):
        return raw.zero_().sum(dim=(1, 2))

    raw = A[:, 0].clone()
    guarded_values("metric", spread)(raw=raw)
    assert torch.equal(raw, A[:, 0])


def test_a_buffer_that_a_function_fills_again_and_again_is_not_shared():
    buffer = torch.empty(4, 2, 7, 7)
    method = guarded("method", lambda activations, gradients: buffer.copy_(gradients.sum(dim=2)))
    first = method(A, G)
    method(A, G * 0)
    torch.testing.assert_close(first, G.sum(dim=2))


def test_metrics_are_checked_like_methods():
    metric = guarded_values("metric 'mine:m'", lambda raw: raw.sum())
    with pytest.raises(UserFunctionError, match=r"metric 'mine:m' returned \(\), expected \(4,\)"):
        metric(raw=A[:, 0])
    assert guarded_values("metric", lambda raw: raw.sum(dim=(1, 2)).int())(raw=A[:, 0]).dtype == torch.float64
    assert guarded_values("metric", lambda raw: np.arange(4))(raw=A[:, 0]).tolist() == [0, 1, 2, 3]
    with pytest.raises(UserFunctionError, match=r"returned None, expected a tensor \(4,\)"):
        guarded_values("metric", lambda raw: None)(raw=A[:, 0])


def test_controls_of_ones_own_are_checked_and_work_on_copies():
    images = torch.rand(2, 3, 8, 8)
    given, own = {"images": images, "classes": 2, "size": (4, 4)}, CONTROLS["control_sobel"].function
    torch.testing.assert_close(guarded_map("method", own)(**given), own(**given))
    found = guarded_map("method", lambda images: images.zero_())(images=images)
    with pytest.raises(UserFunctionError, match=r"returned \(2, 3, 8, 8\), expected \(2, 2, 4, 4\)"):
        as_map("method")(found, (2, 2, 4, 4), images.device)
    assert images.any()
