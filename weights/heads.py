"""The head: what the outputs of a network mean, and the logits of the named classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from weights.classes import CLASSES, canonical, named_class
from weights.errors import WeightsError
from weights.groups import IMAGENET, IMAGENET_OUTPUTS, Groups, in_words
from weights.outputs import Wanted, pair, taken

Said = tuple[str, tuple[str, ...] | None, Groups | None]  # who says it, the classes in order, the groups
SHOWN = 5  # names in a message
REMEDY = "; say them with --classes a,b in the order of the network's outputs, such as --classes cat,dog"


@dataclass(frozen=True)
class Meaning:
    """What a head's outputs are.

    Attributes:
        classes: K names in the order of the logits.
        groups: the outputs of each class, in the same order; empty where the outputs are the classes.
        notes: what was assumed.
        warnings: who contradicts whom about the order.
    """

    classes: tuple[str, ...]
    groups: tuple[tuple[int, ...], ...] = ()
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def meaning_of(said: Sequence[Said], outputs: int, path: str) -> Meaning:
    """What N outputs are: the first who names classes or groups decides.

    Where nobody does, one output and two are cat and dog, and a thousand are those of ImageNet.

    Args:
        said: who says what.
        outputs: N.
        path: of the checkpoint, for messages.

    Raises:
        WeightsError: names that are not as many as the outputs, groups beyond them, or nothing to go by.
    """
    for who, classes, groups in said:
        if groups is not None:
            return _grouped(groups, outputs, path)
        if classes is not None:
            return _named(who, canonical(classes), said, outputs, path)
    if outputs in (1, len(CLASSES)):
        return Meaning(CLASSES, notes=("class order assumed: cat, dog",))
    if outputs == IMAGENET_OUTPUTS:
        return _imagenet(CLASSES)
    with_background = "; with a class for the background first, ImageNet's are cat=282-286,dog=152-269"
    more = with_background if outputs == IMAGENET_OUTPUTS + 1 else ""
    raise WeightsError(
        f"weights '{path}' have {outputs} outputs, and nothing says what they are; name them with --classes a,b,... "
        f"({outputs} names in order), or groups of them with --groups cat=0-2,dog=3+5{more}"
    )


def _grouped(groups: Groups, outputs: int, path: str) -> Meaning:
    for name, members in groups.items():
        if members[-1] >= outputs:
            raise WeightsError(
                f"group '{name}' has output {members[-1]}, the network in '{path}' has outputs 0 to {outputs - 1}; "
                f"correct --groups, or [groups] in the TOML"
            )
    return Meaning(tuple(groups), tuple(groups.values()))


def _imagenet(classes: tuple[str, ...]) -> Meaning:
    groups = {name: IMAGENET[name] for name in classes}
    found = f"domestic cats and domestic dogs by WordNet: {in_words(groups)}"
    note = f"1,000 outputs read as ImageNet's, {found}; a group's logit is the logsumexp of its members' logits"
    return Meaning(classes, tuple(groups.values()), notes=(note,))


def _named(who: str, classes: tuple[str, ...], said: Sequence[Said], outputs: int, path: str) -> Meaning:
    """Classes that somebody names, checked, and warnings about those who say otherwise."""
    classes = tuple(named_class(name, f"'{path}'") for name in classes)
    listed = ", ".join(classes[:SHOWN]) + (" ..." if len(classes) > SHOWN else "")
    if len(classes) < 2 or len(set(classes)) < len(classes):
        raise WeightsError(f"classes of '{path}' are {listed or 'none'}; expected two different names or more{REMEDY}")
    if outputs == IMAGENET_OUTPUTS and sorted(classes) == sorted(CLASSES):
        return _imagenet(classes)
    if len(classes) != outputs and (len(classes), outputs) != (2, 1):
        one = "one output, which is two classes" if outputs == 1 else f"{outputs} outputs"
        raise WeightsError(
            f"classes of '{path}' are {listed} ({len(classes)} names, {who}), its network has {one}; "
            f"give --classes as many names, or name groups of outputs with --groups cat=0-2,dog=3+5"
        )
    orders = [(source, canonical(other)) for source, other, _ in said if other is not None and source != who]
    whose = "the other" if outputs < 3 else "another"
    warnings = tuple(
        f"class order {listed} ({who}) contradicts {', '.join(other[:SHOWN])} ({source}); if the second is right, "
        f"every number of this run belongs to {whose} class: --classes {','.join(other)}"
        for source, other in orders
        if other != classes and len(other) == len(classes)
    )
    return Meaning(classes, warnings=warnings)


class Head(nn.Module):
    """From what a network returns to the logits (B, K) of named classes, float32.

    Without groups the outputs are the classes: z_k; one output z is (-z/2, z/2). With groups
    z_k = log sum_{j in group k} exp(o_j), the logit of "one of them" under the network's own softmax.
    """

    def __init__(self, classes: Sequence[str], groups: Sequence[Sequence[int]] = (), output: str | None = None) -> None:
        """Keeps what the outputs mean.

        Args:
            classes: K names.
            groups: the outputs of each class; empty where the outputs are the classes.
            output: name or index of the part that holds the outputs, where the network returns several.
        """
        super().__init__()
        self.classes, self.groups = tuple(classes), tuple(tuple(group) for group in groups)
        least = 1 + max(map(max, self.groups), default=-1)
        self.wanted = Wanted(least or len(self.classes), or_more=bool(self.groups), part=output)
        for number, members in enumerate(self.groups):
            self.register_buffer(f"members_{number}", torch.tensor(members), persistent=False)

    def accepts(self, outputs: int) -> bool:
        """Whether N outputs can be these classes."""
        return self.wanted.fits(outputs) or (not self.groups and outputs == 1 and len(self.classes) == 2)

    def taken(self, output: object, count: int) -> Tensor:
        """The network's own outputs, (B, N), of what it returned for `count` images.

        Raises:
            WeightsError: no tensor of such a shape, or several.
        """
        return taken(output, count, self.wanted)

    def forward(self, output: object, count: int) -> Tensor:
        """Logits (B, K) float32 of what the network returned for `count` images.

        Raises:
            WeightsError: no tensor of the shape that is expected, or several.
        """
        outputs = self.taken(output, count)
        if not self.groups:
            return (pair(outputs) if outputs.shape[1] == 1 else outputs).float()
        members = (self.get_buffer(f"members_{number}") for number in range(len(self.groups)))
        return torch.stack([outputs.float().index_select(1, each).logsumexp(1) for each in members], dim=1)
