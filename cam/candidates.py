"""Which layers of a network can be tapped, and which one is tapped unless another is named: found by one pass."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from cam.form import Form, LayerError, form_of, in_proportion
from cam.inputs import Network
from cam.tap import frozen

PASSING = ("torch.nn.modules.dropout", "torch.nn.modules.pooling")  # modules of torch that add nothing
ADDS, RESHAPES, PASSES = range(3)  # what a module does to its input


@dataclass(frozen=True)
class Candidate:
    """A map-shaped output on the way to the logits.

    Attributes:
        name: what a tap calls it: the outermost module that returns it.
        also: other names of the same output.
        shape: (C, h, w) as a map.
        form: how it lies in memory.
        runs: how often the module runs in a forward pass.
        nonnegative: whether no value is below 0, as after a ReLU; elsewhere maps have signs of their own.
        passes_on: whether it is a pooling layer or the like, which adds nothing to its input.
        leads: whether a gradient of the logits reaches the map.
        scores: whether it has one channel per logit, or per output of the network.
    """

    name: str
    also: tuple[str, ...]
    shape: tuple[int, int, int]
    form: Form
    runs: int
    nonnegative: bool
    passes_on: bool
    leads: bool
    scores: bool


def candidates(network: Network, images: Tensor) -> list[Candidate]:
    """All outputs that can be tapped, in the order in which they are computed, from one pass there and back.

    Args:
        network: left as it was.
        images: two or more, (B, 3, H, W); noise shows more than plain colours do.
    """
    seen = _Seen(network, images)
    with torch.inference_mode(False), torch.enable_grad(), frozen(network.model), seen.hooked():
        logits = network.model(images)
        seen.widths.add(logits.shape[1])
        outputs = [entry.output for entry in seen.entries]
        weights = torch.linspace(1, 2, logits.shape[1], device=logits.device, dtype=logits.dtype)
        total = (logits * weights).sum()
        found: Sequence[Tensor | None] = ()
        if outputs and total.requires_grad:
            found = torch.autograd.grad(total, outputs, allow_unused=True)
    return [
        seen.candidate(entry, gradient) for entry, gradient in zip(seen.entries, found, strict=False) if entry.names
    ]


def default_candidate(found: Sequence[Candidate]) -> Candidate:
    """The last map on the way to the logits: after an activation, where one follows.

    Pooling layers show what is before them with less detail, maps with one channel per output are scores already, and
    tokens of an unusual width are queries, keys and values: they are taken only where there is nothing else.

    Raises:
        LayerError: there is no map.
    """
    leading = [each for each in found if each.leads] or list(found)
    if not leading:
        raise LayerError("the network has no layer whose output is a map (B, C, h, w); name one with --layers")
    own = [each for each in leading if not each.passes_on] or leading
    features = [each for each in own if not each.scores] or own
    if features[-1].form.kind == "tokens":
        widths = Counter(each.shape[0] for each in found if each.form == features[-1].form)
        usual = widths.most_common(1)[0][0]
        features = [each for each in features if each.shape[0] == usual] or features
    return features[-1]


@dataclass
class _Entry:
    """An output, and the modules that returned it, from the inside out.

    Attributes:
        output: with its graph.
        form: how it lies in memory.
        version: of the copy that was handed on; a later one was changed in place and is another output.
        names: name, number of the run, and what the module does, of each.
    """

    output: Tensor
    form: Form
    version: int
    names: list[tuple[str, int, int]] = field(default_factory=list)

    @property
    def passes_on(self) -> bool:
        """Whether it is the input of the module that made it, pooled, or reshaped by nothing larger than that."""
        made = self.names[0][2]
        return made == PASSES or (made == RESHAPES and all(does == RESHAPES for *_, does in self.names))


class _Seen:
    """What forward hooks saw of a pass."""

    def __init__(self, network: Network, images: Tensor) -> None:
        self.network, self.count = network, len(images)
        self.size = (images.shape[-2], images.shape[-1])
        self.runs: Counter[str] = Counter()
        self.widths: set[int] = set()  # of the network's output and of the logits
        self.entries: list[_Entry] = []
        self.known: dict[int, _Entry] = {}  # by identity of the tensor that was handed on
        self.kept: list[Tensor] = []  # as long as it lives, its identity is nobody else's

    @contextmanager
    def hooked(self) -> Iterator[None]:
        """Hooks at every module, removed on exit."""
        modules = [(name, module) for name, module in self.network.network.named_modules() if name]
        handles = [module.register_forward_hook(self._hook(name)) for name, module in modules]
        handles.append(self.network.network.register_forward_hook(self._end))
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _hook(self, name: str) -> Callable[..., Tensor | None]:
        def see(module: nn.Module, inputs: tuple[object, ...], output: object) -> Tensor | None:
            self.runs[name] += 1
            before = self.known.get(id(output))
            if before is not None and isinstance(output, Tensor) and output._version == before.version:
                before.names.append((name, self.runs[name], _does(module, inputs, output)))
                return None
            form = self._form(module, output)
            if form is None or not isinstance(output, Tensor):
                return None
            kept = output if output.requires_grad else output.detach().requires_grad_()
            handed = kept.clone()
            entry = _Entry(kept, form, handed._version, [(name, self.runs[name], _does(module, inputs, output))])
            self.entries.append(entry)
            self.known[id(handed)] = entry
            self.kept.append(handed)
            return handed

        return see

    def _end(self, _network: nn.Module, _inputs: object, output: object) -> None:
        parts = [output] if isinstance(output, Tensor) else output if isinstance(output, tuple | list) else []
        self.widths |= {part.shape[1] for part in parts if isinstance(part, Tensor) and part.dim() > 1}

    def _form(self, module: nn.Module, output: object) -> Form | None:
        """None for what is no map of the images."""
        if not isinstance(output, Tensor) or not output.is_floating_point() or len(output) != self.count:
            return None
        try:
            form = form_of(output, self.size, self.network.reshape, module)
        except LayerError:  # no map: not a candidate
            return None
        _, height, width = form.to_map(output[:1].detach())[0].shape
        return form if height * width > 1 and in_proportion(height, width, self.size) else None

    def candidate(self, entry: _Entry, gradient: Tensor | None) -> Candidate:
        """What was seen of an output, once the pass is over."""
        often = {name: self.runs[name] for name, *_ in entry.names}
        names = sorted(entry.names, key=lambda named: (often[named[0]] > 1, named[2], named[0].count(".")))
        called = [f"{name}#{run}" if often[name] > 1 else name for name, run, _ in names]
        maps = entry.form.to_map(entry.output.detach())
        reached = gradient is not None and bool(entry.form.to_map(gradient).ne(0).any())
        return Candidate(
            name=called[0],
            also=tuple(called[1:]),
            shape=(maps.shape[1], maps.shape[2], maps.shape[3]),
            form=entry.form,
            runs=often[names[0][0]],
            nonnegative=bool((maps >= 0).all()),
            passes_on=entry.passes_on,
            leads=reached,
            scores=maps.shape[1] in self.widths,
        )


def _does(module: nn.Module, inputs: tuple[object, ...], output: Tensor) -> int:
    """Whether a module adds to its input, puts it into another shape, or passes it on, pooled or as it is."""
    if any(module.children()) or next(module.parameters(), None) is not None:
        return ADDS
    given = inputs[0] if inputs else None
    if type(module).__module__ in PASSING or not isinstance(given, Tensor) or given.numel() != output.numel():
        return PASSES
    if given.shape != output.shape:
        return RESHAPES
    same = given is not output and torch.equal(given, output)  # an activation in place returns what it was given
    return PASSES if same else ADDS
