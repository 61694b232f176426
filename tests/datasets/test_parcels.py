import io

import pytest
import torch

from datasets import DatasetError
from datasets.parcels import packed, unpacked


@pytest.mark.parametrize(
    "tensor", [torch.arange(6).view(2, 3), torch.rand(3, 4).T, torch.empty(0, 2), torch.tensor(True)]
)
def test_tensors_arrive_as_copies_that_can_be_written(tensor):
    kind, (found, name) = unpacked(bytes(packed("read", (tensor, "x"))))
    assert (kind, name) == ("read", "x")
    assert found.dtype == tensor.dtype
    assert torch.equal(found, tensor)
    found.fill_(5)
    assert (found == torch.full_like(tensor, 5)).all()


def test_errors_arrive_with_their_traceback():
    try:
        raise DatasetError("no such colour")
    except DatasetError as error:
        _, found = unpacked(bytes(packed("failed", error)))
    assert type(found) is DatasetError
    assert str(found) == "no such colour"
    assert "test_errors_arrive_with_their_traceback" in found.__notes__[0]


def test_an_error_that_cannot_be_sent_is_described():
    error = ValueError(io.BytesIO())
    error.local = lambda: None
    _, found = unpacked(bytes(packed("failed", error)))
    assert type(found) is RuntimeError
    assert str(found).startswith("ValueError: <_io.BytesIO object> (which cannot be sent: ")
