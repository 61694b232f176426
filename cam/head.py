"""The rest of a network, from a tapped layer on: activations in, logits out."""

import itertools

import torch
from torch import Tensor, fx, nn

from cam.form import MAP, Form
from cam.registry import MethodError
from cam.tap import place

TOLERANCE = 1e-4  # of a network computed in two ways, relative to its largest logit


class Head:
    """Logits of activations put in the place of a layer's output.

    Where the graph of the network can be traced and nothing but the layer's output leads on, only what comes after the
    layer runs. Elsewhere the whole network runs, with the layer's output replaced.
    """

    def __init__(self, model: nn.Module, network: nn.Module, layer: str, form: Form = MAP) -> None:
        """Prepares the rest of the network.

        Args:
            model: images to logits (N, K); `network` itself or a wrapper around it.
            network: the module whose submodules name the layers.
            layer: name of the tapped layer; `name#2` is its module's second run.
            form: how its output lies in memory. Tokens before those of the map stay what the image makes them.
        """
        name, self.run = place(network, layer)
        self.model, self.module, self.form = model, network.get_submodule(name), form
        self.tail = None if form.prefix else _tail(model, self.module, self.run)
        self.inner: nn.Module | None = None  # what the tail is a part of, where it is not the model
        if self.tail is None and not form.prefix and network is not model:  # a wrapper that looks at shapes
            self.tail, self.inner = _tail(network, self.module, self.run), network

    def __call__(self, activations: Tensor, images: Tensor, batch_size: int, of: Tensor | int | None = None) -> Tensor:
        """Logits (N, K) float32.

        Args:
            activations: (N, C, h, w).
            images: the images of the batch, (B, 3, H, W), what the model expects.
            batch_size: rows at a time.
            of: number of the image that a row belongs to, (N,) or one for all; None: as many rows for every image, one
                image's after the other's.

        Raises:
            MethodError: rows that belong to no image.
        """
        owners = _owners(len(activations), images, of)
        if self.tail is not None and self.inner is None:
            return self._rest(activations, batch_size)
        run = self._replaced if self.tail is None else self._wrapped
        parts = zip(activations.split(batch_size), owners.split(batch_size), strict=True)
        return torch.cat([run(part, images[owner]) for part, owner in parts])

    def _rest(self, activations: Tensor, batch_size: int) -> Tensor:
        folded = self.form.fold(activations)
        return torch.cat([self.tail(part.clone()).float() for part in folded.split(batch_size)])  # type: ignore[misc]

    def _wrapped(self, activations: Tensor, images: Tensor) -> Tensor:
        """What the wrapper makes of the network's answer, which the tail gives in the network's place."""
        answer = self.tail(self.form.fold(activations).clone())  # type: ignore[misc]
        assert self.inner is not None
        self.inner.forward = lambda *_args, **_named: answer
        try:
            logits: Tensor = self.model(images)
            return logits.float()
        finally:
            del self.inner.forward

    def _replaced(self, activations: Tensor, images: Tensor) -> Tensor:
        runs = itertools.count(1)

        def replace(_module: nn.Module, _inputs: object, output: Tensor) -> Tensor | None:
            return self.form.fold(activations, output).clone() if next(runs) == (self.run or 1) else None

        handle = self.module.register_forward_hook(replace)
        try:
            logits: Tensor = self.model(images)
            return logits.float()
        finally:
            handle.remove()


def _owners(count: int, images: Tensor, of: Tensor | int | None) -> Tensor:
    """Number of the image of every row, (count,)."""
    if of is not None:
        return torch.as_tensor(of, device=images.device).expand(count)
    each, rest = divmod(count, len(images))
    if rest or not each:
        raise MethodError(
            f"head was given {count} activations for {len(images)} images; give as many for each, or say which with of="
        )
    return torch.arange(count, device=images.device) // each


class _StopsAt(fx.Tracer):
    """A tracer that looks into everything but torch's own layers and one other module."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        return m is self.module or super().is_leaf_module(m, module_qualified_name)


def _tail(model: nn.Module, module: nn.Module, run: int | None) -> fx.GraphModule | None:
    """What follows a run of the module; None where that cannot be traced, or more than its output leads on."""
    try:
        graph = _StopsAt(module).trace(model)
    except (TypeError, ValueError, RuntimeError, AttributeError, NotImplementedError, fx.proxy.TraceError):
        return None  # control flow that depends on values: the whole network runs instead
    calls = [n for n in graph.nodes if n.op == "call_module" and model.get_submodule(str(n.target)) is module]
    if len(calls) < (run or 1) or (run is None and len(calls) > 1):
        return None
    call = calls[(run or 1) - 1]
    with graph.inserting_before(call):
        entry = graph.placeholder("activations")
    call.replace_all_uses_with(entry)
    needed = _needed(graph)
    if any(node in needed for node in graph.nodes if node.op == "placeholder" and node is not entry):
        return None
    for node in reversed(list(graph.nodes)):
        if node not in needed:
            graph.erase_node(node)
    graph.lint()
    return fx.GraphModule(model, graph)


def _needed(graph: fx.Graph) -> set[fx.Node]:
    """The nodes that the output is computed from, itself among them."""
    waiting = [node for node in graph.nodes if node.op == "output"]
    found = set(waiting)
    while waiting:
        new = [node for node in waiting.pop().all_input_nodes if node not in found]
        found.update(new)
        waiting += new
    return found
