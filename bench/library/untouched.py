"""What a call leaves as it was: a caller's model, torch's settings, random numbers and warnings."""

import random
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import numpy as np
import torch
from torch import nn

from bench.errors import ConfigError

FLAGS = (
    (torch.backends.cudnn, "benchmark"),
    (torch.backends.cudnn, "deterministic"),
    (torch.backends.cudnn, "enabled"),
)


@contextmanager
def settings_kept(device: torch.device) -> Iterator[None]:
    """Inside, torch is as in a fresh process (float32, CPU, gradients, no autocast); on exit all is as before.

    Random states of torch, NumPy and Python, and the filters of warnings, are given back, too.
    """
    with ExitStack() as stack:
        for restore in _restorers():
            stack.callback(restore)
        stack.enter_context(warnings.catch_warnings())
        stack.enter_context(torch.inference_mode(mode=False))
        stack.enter_context(torch.enable_grad())
        stack.enter_context(torch.autocast(device.type, enabled=False))
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        torch.set_default_dtype(torch.float32)
        yield


def _restorers() -> Iterator[Callable[[], object]]:
    """Calls that put back what is now."""
    python, numpy, torch_state = random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002
    yield lambda: random.setstate(python)
    yield lambda: np.random.set_state(numpy)  # noqa: NPY002
    yield lambda: torch.set_rng_state(torch_state)
    if torch.cuda.is_available() and torch.cuda.is_initialized():
        states = torch.cuda.get_rng_state_all()
        yield lambda: torch.cuda.set_rng_state_all(states)
    dtype, threads = torch.get_default_dtype(), torch.get_num_threads()
    yield lambda: torch.set_default_dtype(dtype)
    yield lambda: None if torch.get_num_threads() == threads else torch.set_num_threads(threads)
    strict, warn = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    yield lambda: torch.use_deterministic_algorithms(strict, warn_only=warn)
    for module, name in FLAGS:
        yield _setter(module, name, getattr(module, name))
    precision = torch.get_float32_matmul_precision()
    yield lambda: torch.set_float32_matmul_precision(precision)
    tf32: tuple[Any, ...] = (torch.backends.cudnn, torch.backends.cuda.matmul)
    for module in tf32:
        with suppress(RuntimeError):  # set in the new way, its value is no longer told in the old one
            yield _setter(module, "allow_tf32", module.allow_tf32)


def _setter(module: Any, name: str, value: object) -> Callable[[], object]:
    return lambda: setattr(module, name, value)


@contextmanager
def moved(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Inside, the model is on a device; on exit its weights, gradients and statistics are the same tensors as before.

    Buffers have their former values, too, whatever the passes made of them. Inside, kernels lie in memory as those of a
    loaded checkpoint do (see `weights.loading`): last digits of a convolution depend on it, and its speed.

    Raises:
        ConfigError: weights that no gradient can pass.
    """
    if any(each.is_inference() for each in (*model.parameters(), *model.buffers())):
        raise ConfigError("model was made in torch.inference_mode(), no gradient passes its weights; make it outside")
    weights = [
        (each, each.data, each.grad, None if each.grad is None else each.grad.data) for each in model.parameters()
    ]
    places = [(module, dict(module._parameters)) for module in model.modules()]
    buffers = [
        (module, name, buffer, buffer.detach().clone())
        for module in model.modules()
        for name, buffer in module._buffers.items()
        if buffer is not None
    ]
    try:
        if any(each.device != device for each in (*model.parameters(), *model.buffers())):
            model.to(device)
        for weight in model.parameters():
            if weight.dim() == 4:
                weight.data = weight.data.contiguous(memory_format=torch.channels_last)
        yield
    finally:
        for module, held in places:
            module._parameters.update(held)
        for weight, data, gradient, values in weights:
            weight.data = data
            weight.grad = None
            if gradient is not None and values is not None:
                gradient.data = values
                weight.grad = gradient
        for module, name, buffer, values in buffers:
            module._buffers[name] = buffer
            if not torch.equal(buffer, values):
                with torch.no_grad():
                    buffer.copy_(values)
