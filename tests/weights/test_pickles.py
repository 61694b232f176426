import datetime
import decimal
import fractions
import functools
import pathlib
import types
import uuid

import numpy as np
import pytest
import torch
from torch import nn

from weights.files import read_tensors

HARMLESS = {
    "a NumPy number": np.float64(0.5),
    "a NumPy integer": np.int64(3),
    "a NumPy truth": np.bool_(True),
    "a NumPy array": np.arange(3.0),
    "a NumPy generator": np.random.default_rng(0),
    "a masked array": np.ma.array([1.0]),
    "torch's version": torch.__version__,
    "a type": torch.float16,
    "a place": torch.device("cpu"),
    "a time": datetime.datetime(2020, 1, 1),
    "a decimal": decimal.Decimal("0.1"),
    "a fraction": fractions.Fraction(1, 3),
    "a path": pathlib.Path("runs"),
    "an id": uuid.UUID(int=1),
    "settings": types.SimpleNamespace(rate=0.1),
    "a layer to be": functools.partial(nn.BatchNorm2d, eps=1e-3),
    "a function of torch": nn.functional.relu,
}


@pytest.mark.parametrize("kind", HARMLESS)
def test_harmless_values_do_not_keep_the_tensors_from_being_read(network, save, kind):
    wanted = network.state_dict()
    for content in ({"state_dict": wanted, "more": HARMLESS[kind]}, {**wanted, "more": HARMLESS[kind]}):
        found = read_tensors(save(content)).tensors
        assert set(found) == set(wanted)
        assert all(torch.equal(found[name], tensor) for name, tensor in wanted.items())
