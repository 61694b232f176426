"""What a call may cost, counted: passes of the network, and times that the host waits for the device."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from bench import evaluate
from cam import METHODS, MapBatch, Network, maps_of, tap_for
from metrics.ordering import rank_pixels
from metrics.perturbation import masked_logits
from metrics.substrates import blur_substrate

WAITING = {"_local_scalar_dense", "is_nonzero", "nonzero", "masked_select", "equal", "_unique2", "unique_consecutive"}
LAYER = "features.4"


class Waits(TorchDispatchMode):
    """Names of the operations for which a host would have to wait for a device, in their order."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        masks = args[1] if name.startswith("index") and len(args) > 1 and isinstance(args[1], list | tuple) else ()
        if name in WAITING or any(isinstance(mask, torch.Tensor) and mask.dtype is torch.bool for mask in masks):
            self.names.append(name)
        return func(*args, **(kwargs or {}))


@contextmanager
def waits() -> Iterator[list[str]]:
    """Those inside, copies to the host among them."""
    mode = Waits()

    def counted(name):
        original = getattr(torch.Tensor, name)
        return patch.object(
            torch.Tensor, name, lambda self, *args, **named: mode.names.append(name) or original(self, *args, **named)
        )

    with mode, counted("cpu"), counted("tolist"), counted("numpy"):
        yield mode.names


def test_the_count_sees_what_waits():
    some = torch.arange(4.0)
    with waits() as names:
        float(some[0]), bool(some[1] > 0), some[some > 1], some.nonzero(), some.cpu(), some.tolist()
    assert names == [
        "_local_scalar_dense", "_local_scalar_dense", "index", "nonzero", "cpu", "tolist",
    ]  # fmt: skip


@pytest.mark.parametrize("name", [name for name, method in METHODS.items() if method.fast and name != "cam"])
def test_nobody_waits_for_maps(model, images, name):
    of, methods = Network(model), {name: METHODS[name]}
    ids = tuple(map(str, range(len(images))))
    with waits() as names:
        tapped = tap_for(of, images, [LAYER], methods)
        maps_of(MapBatch(of, tapped, images, ids), methods)
    assert not names


def test_nobody_waits_inside_a_curve(model, images):
    substrate = blur_substrate(images, (0.5, 0.5, 0.5))
    pixels = images[0, 0].numel()
    owner = torch.arange(len(images))
    with torch.inference_mode():
        ends = model(images), model(substrate)
    with waits() as names, torch.inference_mode():
        ranks = rank_pixels(images[:, 0], torch.arange(pixels).expand(len(images), -1))
        masked_logits(
            model, images, substrate, ranks, owner, ends=ends, steps=8, direction="insertion", batch_size=3
        )  # fmt: skip
    assert not names


def passes(model, images, labels, **options) -> int:
    """Images that the network sees in a call."""
    seen: list[int] = []
    handle = model.register_forward_pre_hook(lambda _module, inputs: seen.append(len(inputs[0])))
    try:
        evaluate(model, images, labels, classes=("cat", "dog", "fox"), layers=[LAYER], **options)
    finally:
        handle.remove()
    return sum(seen)


STEPS = 4
COSTS = [  # options, passes of an image: one for all maps, one per substrate, and the points between
    ({"protocols": ("none",)}, 1),
    ({"protocols": ("none",), "methods": ("gradcam", "layercam", "gradcam++", "xgradcam"), "controls": "cheap"}, 1),
    ({"protocols": ("srg",)}, 1 + 1 + 2 * 2 * (STEPS - 1)),
    ({"protocols": ("srg",), "controls": "cheap"}, 1 + 1 + 2 * 2 * (STEPS - 1)),  # negated: read backwards
    ({"protocols": ("rise",)}, 1 + 2 + 2 * 2 * (STEPS - 1)),
    ({"protocols": ("rise", "srg")}, 1 + 2 + 2 * 3 * (STEPS - 1)),  # insertion onto the blur counts for both
    ({"protocols": ("srg",), "targets": ("right", "wrong")}, 1 + 1 + 2 * 2 * 2 * (STEPS - 1)),
]  # fmt: skip


@pytest.mark.parametrize(("options", "expected"), COSTS)
def test_passes_of_an_image(model, images, labels, options, expected):
    """The difference of two calls: what a call costs whatever its images is not counted."""
    options = {"steps": STEPS, "controls": "none", "metrics": None, **options}
    options["metrics"] = ["effective_area"] + (["srg_probability"] if "srg" in options["protocols"] else [])
    options["metrics"] += ["deletion_auc", "insertion_auc"] if "rise" in options["protocols"] else []
    one, three = (passes(model, images[:count], labels[:count], **options) for count in (1, 3))
    assert three - one == 2 * expected
