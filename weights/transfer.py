"""From one task to another: a new head on a trained network, and the part of a network that stays as it is."""

import dataclasses
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from weights.architectures import ARCHITECTURES, Architecture
from weights.classifier import Classifier
from weights.errors import WeightsError, unknown
from weights.loading import fresh_classifier

TRUNK = "trunk"  # all but the last layer, where parts of a network are named


def with_new_head(
    classifier: Classifier,
    classes: Sequence[str],
    architectures: Mapping[str, Architecture] = ARCHITECTURES,
    arch: str | None = None,
) -> tuple[Classifier, list[str]]:
    """The same network for other classes, or with another head: tensors of another shape are new, the rest is kept.

    Args:
        classifier: trained; its preprocessing is kept too.
        classes: of the new head, initialised by torch's seed.
        architectures: where its architecture is looked up.
        arch: another architecture that shares tensors by name and shape; None: its own.

    Returns:
        The new classifier, and the names of the new tensors.
    """
    checkpoint = classifier.checkpoint
    fresh = fresh_classifier(
        arch or checkpoint.arch, classes=classes, device=classifier.scale.device, architectures=architectures
    )
    trained, wanted = classifier.network.state_dict(), fresh.network.state_dict()
    new = [name for name, tensor in wanted.items() if name not in trained or trained[name].shape != tensor.shape]
    if len(new) == len(wanted):
        raise WeightsError(
            f"{checkpoint.arch} and {arch} share no tensor by name and shape; give an --arch with the same trunk, "
            "or no --weights"
        )
    fresh.network.load_state_dict({name: wanted[name] if name in new else trained[name] for name in wanted})
    kept = dataclasses.replace(fresh.checkpoint, preprocess=checkpoint.preprocess)
    return Classifier(fresh.network, kept), new


def last_layer(classifier: Classifier) -> str:
    """Name of the layer that gives the network's outputs.

    Raises:
        WeightsError: the last layer with weights does not.
    """
    named = {name: layer for name, layer in classifier.network.named_modules() if [*layer.parameters(recurse=False)]}
    name = list(named)[-1] if named else ""
    given: list[Tensor] = []
    handle = named[name].register_forward_hook(lambda _m, _i, output: given.append(output)) if name else None
    height, width = classifier.checkpoint.preprocess.size
    try:
        with torch.no_grad():
            logits = classifier(torch.full((2, 3, height, width), 0.5, device=classifier.scale.device))
    finally:
        if handle is not None:
            handle.remove()
    if not name or len(given) != 1 or not isinstance(named[name], nn.Linear) or len(given[0]) != len(logits):
        raise WeightsError(
            f"the trunk of {classifier.checkpoint.arch} is not known: its last layer with weights, '{name}', is no "
            "linear layer that gives the logits; name the layers to freeze instead, --freeze features"
        )
    return name


def parts(network: nn.Module, names: Sequence[str]) -> list[nn.Module]:
    """Layers by name.

    Raises:
        WeightsError: one that is not there.
    """
    there = dict(network.named_modules())
    for name in names:
        if name not in there or not name:
            top = [each for each, _ in network.named_children()]
            raise WeightsError(f"{unknown('layer', name, [*there][1:])[:300]}; to freeze: {TRUNK}, {', '.join(top)}")
    return [there[name] for name in names]


class LastLayer(nn.Module):
    """A classifier from what goes into its last layer: features (B, C) to logits (B, K).

    Training it trains that layer of the classifier it comes from.

    Attributes:
        network: the last layer.
    """

    def __init__(self, classifier: Classifier, name: str) -> None:
        super().__init__()
        self.network: nn.Module = classifier.network.get_submodule(name)
        self.head = classifier.head

    def forward(self, features: Tensor) -> Tensor:
        """(B, C) to (B, K)."""
        return self.head(self.network(features), len(features))


def features(classifier: Classifier, name: str, images: Tensor) -> Tensor:
    """What goes into a layer for images (B, 3, H, W) in [0, 1], (B, C)."""
    taken: list[Tensor] = []
    handle = classifier.network.get_submodule(name).register_forward_pre_hook(
        lambda _m, inputs: taken.append(inputs[0])
    )
    try:
        with torch.inference_mode():
            classifier(images)
    finally:
        handle.remove()
    return taken[0].clone()
