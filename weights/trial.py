"""A trial pass: does a network give logits for images of this size, before hours are spent on it?"""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

from weights.classifier import Checkpoint, Classifier
from weights.errors import WeightsError, last_line
from weights.outputs import Wanted, taken, unpacking

# Sides that networks with a fixed input are made for.
SIDES = (28, 32, 48, 64, 96, 100, 112, 128, 144, 150, 160, 176, 180, 192, 200, 224, 227, 240, 256, 260, 288, 299, 300,
         320, 331, 380, 384, 448, 456, 480, 512)  # fmt: skip
WRONG_SIZE = (RuntimeError, ValueError, AssertionError, IndexError)  # what networks raise on images of another size
TOLERANCE = 1e-4  # within which probabilities sum to 1, in float32
SAME = 1e-2  # of the largest logit: what rounding may make of an image alone and in a batch
REMEDY = "return what goes into it (the logits); the weights stay as they are"
FINAL = {
    "SoftmaxBackward": "softmax", "LogSoftmaxBackward": "log-softmax", "SigmoidBackward": "sigmoid",
    "LogSigmoidBackward": "log-sigmoid",
}  # fmt: skip
# Steps behind which the last real operation hides.
RESHAPING = (
    "View", "UnsafeView", "Reshape", "Squeeze", "Unsqueeze", "ToCopy", "Clone", "Alias", "T", "Transpose", "Permute",
    "Select", "Slice", "Index", "Cat", "Stack", "Expand",
)  # fmt: skip


def tried(classifier: Classifier) -> Classifier:
    """The same classifier, once its network was seen to give finite logits for images of its crop.

    Tried on grey, noise and flat colours in one batch. What the network's output needed is added to the notes.

    Raises:
        WeightsError: the network fails, gives no outputs for the named classes, gives NaN, or ends in softmax,
            log-softmax or sigmoid: gradients and margins of probabilities are not those of logits.
    """
    images = probes(*classifier.checkpoint.preprocess.size).to(classifier.scale.device)
    output = _output(classifier, images)
    try:
        outputs = classifier.head.taken(output, len(images))
    except WeightsError as error:
        mixed = isinstance(output, Tensor) and len(output.shape[:1]) and len(output) != len(images)  # x.view(-1, N)
        raise WeightsError(f"{_name(classifier)}: {error}{_fixed_side(classifier) if mixed else ''}") from error
    _check(classifier, images, outputs)
    note = unpacking(output, outputs, classifier.head.wanted)
    if note is None:
        return classifier
    notes = (*classifier.checkpoint.notes, note)
    classifier.checkpoint = dataclasses.replace(classifier.checkpoint, notes=notes)
    return classifier


def outputs_of(network: nn.Module, checkpoint: Checkpoint) -> int:
    """How many outputs the network has, counted on two plain images.

    Args:
        network: evaluated; nothing of it changes.
        checkpoint: its name, preprocessing, and the part of what it returns that counts.

    Raises:
        WeightsError: the network fails, or what it returns leaves open which its outputs are.
    """
    classifier = Classifier(network, checkpoint)
    images = probes(*checkpoint.preprocess.size)[:2].to(classifier.scale.device)
    try:
        wanted = Wanted(1, or_more=True, part=checkpoint.output)
        return taken(_output(classifier, images), len(images), wanted).shape[1]
    except WeightsError as error:
        raise WeightsError(f"{_name(classifier)}: {error}") from error


def _check(classifier: Classifier, images: Tensor, outputs: Tensor) -> None:
    """Refuses what are no finite outputs for the named classes of each image."""
    if not classifier.head.accepts(outputs.shape[1]):
        raise WeightsError(_miscounted(classifier, outputs.shape[1]))
    dtype = classifier.scale.dtype
    if not outputs.isfinite().all():
        raise WeightsError(
            f"{_name(classifier)} gives NaN or infinity for plain images as {str(dtype).removeprefix('torch.')}; "
            "check mean and std, use --dtype float32, or other weights"
        )
    alone = classifier.head.taken(_output(classifier, images[:1], gradients=True), 1)
    ending = _sums_to_one(outputs, dtype) or _last_operation(alone)
    if ending:
        raise WeightsError(f"{_name(classifier)} ends in {ending}, which changes gradients and halves scores; {REMEDY}")
    difference = (alone.detach()[0] - outputs[0]).abs().max()
    if difference > max(SAME, 8 * torch.finfo(dtype).eps) * outputs.abs().max():
        raise WeightsError(
            f"{_name(classifier)} gives other logits for an image alone than in a batch; it may drop out at random "
            "(F.dropout without training=self.training) or use statistics of the batch: mend forward()"
        )


def _miscounted(classifier: Classifier, outputs: int) -> str:
    """Says that there are more or fewer outputs than the classes need, and what to do."""
    classes = classifier.classes
    sigmoid = ", or 1 for a sigmoid" if len(classes) == 2 else ""
    expected = classifier.head.wanted if classifier.head.groups else f"{len(classes)}{sigmoid}"
    listed = ", ".join(classes[:5]) + (" ..." if len(classes) > 5 else "")
    return (
        f"{_name(classifier)} gives {outputs} outputs, expected {expected} for {listed}; name as many with --classes "
        "a,b,..., or groups of outputs with --groups cat=0-2,dog=3+5"
    )


def probes(height: int, width: int) -> Tensor:
    """Grey, two kinds of noise, black, white, red and blue, (7, 3, height, width) in [0, 1]; always the same."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.rand(2, 3, height, width, generator=generator)
    noise[1] = noise[1].round()
    flat = torch.tensor([[0.5] * 3, [0.0] * 3, [1.0] * 3, [1.0, 0, 0], [0, 0, 1.0]]).view(5, 3, 1, 1)
    return torch.cat([flat.expand(-1, -1, height, width), noise])


def _name(classifier: Classifier) -> str:
    return f"network '{classifier.checkpoint.name}' ({classifier.checkpoint.arch})"


def _output(classifier: Classifier, images: Tensor, *, gradients: bool = False) -> Any:
    """What the network returns."""
    reached: list[str] = []
    normalised = classifier.normalise(images).requires_grad_(gradients)
    try:
        with torch.set_grad_enabled(gradients), _watched(classifier.network, reached):
            return classifier.network(normalised)
    except (Exception, SystemExit) as error:  # whatever the network's own code raises
        where = f" in layer '{reached[-1]}'" if reached else ""
        mend = _channels(classifier, reached) or (_fixed_side(classifier) if _of_size(error) else "")
        what = f"fails on images {tuple(images.shape)}{where}"
        raise WeightsError(f"{_name(classifier)} {what}: {last_line(error)}{mend}") from error


def _of_size(error: BaseException) -> bool:
    """Whether another size may help."""
    return isinstance(error, WRONG_SIZE) and not isinstance(error, torch.OutOfMemoryError)


@contextmanager
def _watched(network: nn.Module, reached: list[str]) -> Iterator[None]:
    """Keeps the names of the innermost modules in the order in which they begin."""

    def noting(name: str) -> Any:
        return lambda _module, _inputs: reached.append(name)

    leaves = [(name, m) for name, m in network.named_modules() if name and not any(m.children())]
    handles = [module.register_forward_pre_hook(noting(name)) for name, module in leaves]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _channels(classifier: Classifier, reached: list[str]) -> str | None:
    """Says so if the first layer, where it failed, takes other channels than the images have."""
    layer = classifier.network.get_submodule(reached[-1]) if reached else None
    wanted, given = getattr(layer, "in_channels", None), classifier.scale.shape[1]
    if len(set(reached)) != 1 or not isinstance(wanted, int) or wanted == given:
        return None
    remedies = {
        1: "give one mean and one std, such as --mean 0.5 --std 0.5, and it sees grey images",
        3: "give a mean and a std for each, such as --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225",
    }
    remedy = remedies.get(wanted, "give a network for 3, or for 1 that sees grey")
    images = "RGB" if given == 3 else "grey, for there is one mean"
    return f"; layer '{reached[-1]}' takes {wanted} channel{'s' * (wanted > 1)}, images are {images}: {remedy}"


def _fixed_side(classifier: Classifier) -> str:
    """Which crop the network takes instead, found by trying; empty where none of the usual ones."""
    size = classifier.checkpoint.preprocess.size
    for side in sorted(SIDES, key=lambda side: abs(side - max(size))):
        images = probes(side, side)[:2].to(classifier.scale.device)
        try:
            with torch.no_grad():
                outputs = classifier.head.taken(classifier.network(classifier.normalise(images)), len(images))
        except WRONG_SIZE:  # nor is it this side; the error that counts is known already
            continue
        if classifier.head.accepts(outputs.shape[1]):
            resize = max(side, classifier.checkpoint.preprocess.resize)
            return f"; it takes crop {side}: give --resize {resize} --crop {side}"
    return ""


def _sums_to_one(logits: Tensor, dtype: torch.dtype) -> str | None:
    """Softmax or log-softmax by their rows: differing images whose numbers always make 1 are no logits."""
    tolerance = max(TOLERANCE, 4 * torch.finfo(dtype).eps)
    rows = logits.double()
    count = rows.shape[1]  # probabilities of many classes are small, and differ little
    if count == 1 or (rows.amax(0) - rows.amin(0)).max() <= tolerance * 2 / count:  # all the same tells nothing
        return None
    if rows.min() >= 0 and ((rows.sum(1) - 1).abs() <= tolerance).all():
        return "softmax (its outputs are probabilities that sum to 1)"
    if rows.max() <= 0 and ((rows.exp().sum(1) - 1).abs() <= tolerance).all():
        return "log-softmax (the exponentials of its outputs sum to 1)"
    return None


def _last_operation(output: Tensor) -> str | None:
    """Softmax, log-softmax or sigmoid by the operation that made the output, reshaping aside; None for any other."""
    nodes, found = [output.grad_fn], set()
    while nodes:
        node = nodes.pop()
        name = node.name().rstrip("0123456789") if node is not None else ""
        if name.removesuffix("Backward") in RESHAPING:
            nodes += [inner for inner, _ in node.next_functions]  # type: ignore[union-attr]
        else:
            found.add(FINAL.get(name))
    kinds = {kind for kind in found if kind}
    return " and ".join(sorted(kinds)) if kinds and len(kinds) == len(found) else None
