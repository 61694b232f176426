"""`cambench layers`: which layers of a network can be tapped, and which one is unless another is named."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from cam import Candidate, Network, candidates, default_candidate
from reports.files import aligned
from weights import Architecture, Classifier, find_architecture

ALSO = 60  # characters of an output's other names


def tapped_by_default(classifier: Classifier, architectures: Mapping[str, Architecture], reshape: str = "auto") -> str:
    """The layer that the architecture names, else one that a trial pass finds, which the checkpoint's notes say.

    Raises:
        LayerError: no layer gives a map.
    """
    named = find_architecture(classifier.checkpoint.arch, architectures).default_layer
    return tapped_by_trial(classifier, reshape) if named is None else named


def tapped_by_trial(classifier: Classifier, reshape: str = "auto") -> str:
    """The layer that a trial pass finds, which the checkpoint's notes say.

    Raises:
        LayerError: no layer gives a map.
    """
    _, found = found_layers(classifier, reshape)
    note = f"layer {found.name} ({_size(found)}) found by a trial pass; name others with --layers"
    classifier.checkpoint = replace(classifier.checkpoint, notes=(*classifier.checkpoint.notes, note))
    return found.name


def found_layers(classifier: Classifier, reshape: str = "auto") -> tuple[list[Candidate], Candidate]:
    """All candidates of a network, and the one that is taken."""
    images = _noise(classifier.checkpoint.preprocess.size).to(classifier.scale.device)
    found = candidates(Network(classifier, classifier.network, reshape), images)
    return found, default_candidate(found)


def layers_text(classifier: Classifier, architectures: Mapping[str, Architecture], reshape: str = "auto") -> str:
    """A table of all layers that can be tapped, one line each, in the order in which they run.

    Raises:
        LayerError: no layer gives a map.
    """
    found, taken = found_layers(classifier, reshape)
    named = find_architecture(classifier.checkpoint.arch, architectures).default_layer or taken.name
    rows = [("", "layer", "map", "form", "runs", "values", "also")]
    for each in found:
        mark = "*" if named in (each.name, *each.also) else "" if each.leads else "-"
        also = ", ".join(each.also)
        values = "at least 0" if each.nonnegative else "of both signs"
        shown = also if len(also) <= ALSO else f"{also[:ALSO]}..."
        rows.append((mark, each.name, _size(each), str(each.form), str(each.runs), values, shown))
    return f"{aligned(rows)}\n* tapped unless --layers names others; - no gradient of the logits reaches it"


def with_open_heads(network: nn.Module) -> None:
    """Fills linear layers of zeros, as untrained transformers end in: no gradient passes through them."""
    for module in network.modules():
        if isinstance(module, nn.Linear) and not module.weight.any():
            nn.init.normal_(module.weight, std=0.02)


def _size(candidate: Candidate) -> str:
    return " x ".join(map(str, candidate.shape))


def _noise(size: tuple[int, int]) -> Tensor:
    """Two images, (2, 3, H, W) in [0, 1]; always the same."""
    return torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
