"""A classifier around a network that belongs to somebody else and is given back as it was."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from torch import nn
from torch.nn.parameter import UninitializedParameter

from weights.classes import CLASSES
from weights.classifier import Checkpoint, Classifier
from weights.errors import WeightsError
from weights.groups import as_groups
from weights.loading import ARGUMENTS, with_meaning
from weights.preprocess import Preprocess

IMAGENET = Preprocess()


@contextmanager
def borrowed(
    network: nn.Module,
    *,
    classes: Sequence[str] | None = None,
    groups: Mapping[str, object] | None = None,
    output: str | None = None,
    preprocess: Preprocess = IMAGENET,
    name: str = "model",
) -> Iterator[Classifier]:
    """A classifier around any network, which is frozen and in evaluation mode meanwhile.

    Afterwards, also after an error, every module is in the mode, and every parameter has the `requires_grad` and the
    gradient that it had before. Weights, statistics, device and type never change, and no hook is left.

    Args:
        network: wherever it is, whatever its type.
        classes: names in the order of its outputs, which are counted in a pass of two plain images; None: what
            `load_classifier` assumes.
        groups: outputs that are read as one class each, as of `load_classifier`; not beside `classes`.
        output: name or index of the part that holds the outputs, where it returns several.
        preprocess: normalisation, and the size of the images.
        name: in messages.

    Raises:
        WeightsError: both classes and groups, outputs that cannot mean that, or lazy layers, which the first pass would
            change.
    """
    if classes is not None and groups is not None:
        raise WeightsError("classes and groups both name the classes; give one of them")
    if any(isinstance(parameter, UninitializedParameter) for parameter in network.parameters()):
        raise WeightsError(f"network '{name}' has lazy layers; run it once on images before")
    modes = [(module, module.training) for module in network.modules()]
    held = [(parameter, parameter.requires_grad, parameter.grad) for parameter in network.parameters()]
    checkpoint = Checkpoint(
        name=name,
        path=name,
        arch=type(network).__name__,
        classes=CLASSES,
        sha256="",
        preprocess=preprocess,
        parameters=sum(parameter.numel() for parameter, _, _ in held),
        output=output,
    )
    try:
        said = (None if classes is None else tuple(classes), None if groups is None else as_groups(groups, ARGUMENTS))
        yield with_meaning(network, checkpoint, [(ARGUMENTS, *said)], None)
    finally:
        for module, training in modes:
            module.training = training
        for parameter, wanted, gradient in held:
            parameter.requires_grad_(wanted)
            parameter.grad = gradient
