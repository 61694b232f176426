"""`cambench doctor --weights F`: all that is understood of a network, in a screenful."""

import statistics
import textwrap
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor

from bench.config import NetworkConfig
from bench.engine import layer_shapes
from bench.environment import select_device
from bench.layers import tapped_by_default
from bench.run.plan import known_architectures, read_network
from cam import METHODS, Maps, Network, compute_maps
from weights import Architecture, Checkpoint, Classifier, find_architecture
from weights.catalogue import find_checkpoint
from weights.description import read_description
from weights.groups import in_words

LINES, WIDTH, KEY = 25, 100, 14  # of the screenful, characters
IMAGES, ROUNDS, SHOWN = 4, 3, 4  # timed at once, how often, and layers that are listed
PAIR = {name: METHODS[name] for name in ("gradcam", "layercam")}
TOLD = ("architecture recognised", "layer ")  # notes that have a line of their own
MORE = "more; cambench run keeps them all in manifest.json"


def network_text(config: NetworkConfig) -> str:
    """At most 25 lines of 100 characters.

    Raises:
        ConfigError, WeightsError, LayerError: the first thing that stops a run.
    """
    device = select_device(config.device)
    architectures = known_architectures(config.arch)
    classifier = read_network(config, device, architectures)
    layers = config.layers or (tapped_by_default(classifier, architectures, config.reshape),)
    network = Network(classifier, classifier.network, config.reshape)
    size = classifier.checkpoint.preprocess.size
    shapes = layer_shapes(network, size, layers, device)
    images = torch.rand(IMAGES, 3, *size, generator=torch.Generator().manual_seed(0)).to(device)
    maps = compute_maps(network, images, layers, PAIR)
    entry = find_architecture(classifier.checkpoint.arch, architectures)
    found = [
        *_network(config, classifier.checkpoint, entry),
        *_head(classifier, images),
        *_preprocessing(classifier.checkpoint),
        *_layers(config, shapes, entry),
        *_trial(classifier, maps),
        ("speed", _speed(classifier, network, images, layers)),
    ]
    checkpoint = classifier.checkpoint
    warnings = [("WARNING", text) for text in (*checkpoint.warnings, *_dead(maps))]
    notes = [("note", text) for text in checkpoint.notes if not text.startswith(TOLD)]
    lines = [line for key, text in (*found, *warnings, *notes) for line in _wrapped(key, text)]
    return "\n".join(lines if len(lines) <= LINES else [*lines[: LINES - 1], f"{'...':<{KEY}}{MORE}"])


def side_by_side(
    first: Callable[[], object],
    second: Callable[[], object],
    rounds: int = ROUNDS,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, float]:
    """Median seconds of both, called in turn; a round before the first is not counted."""
    spent: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds + 1):
        for call, seconds in zip((first, second), spent, strict=True):
            started = clock()
            call()
            seconds.append(clock() - started)
    return statistics.median(spent[0][1:]), statistics.median(spent[1][1:])


def bare_pass(classifier: Classifier, images: Tensor) -> Tensor:
    """Logits (B, K) on the CPU, and nothing kept for gradients."""
    with torch.inference_mode():
        logits: Tensor = classifier(images)
        return logits.cpu()


def _network(config: NetworkConfig, checkpoint: Checkpoint, entry: Architecture) -> Iterator[tuple[str, str]]:
    recognised = any(note.startswith(TOLD[0]) for note in checkpoint.notes)
    how = "named by --arch" if config.arch else "recognised by its tensors" if recognised else _namer(config.weights)
    yield "weights", f"{checkpoint.path}, SHA-256 {checkpoint.sha256[:12]}"
    yield "architecture", f"{checkpoint.arch}, {how}: {entry.meaning}"
    yield "parameters", f"{checkpoint.parameters:,}"


def _namer(weights: Path) -> str:
    said = read_description(find_checkpoint(weights)).arch
    return "named by the TOML beside the file" if said else "named by the file itself"


def _head(classifier: Classifier, images: Tensor) -> Iterator[tuple[str, str]]:
    """How many outputs there are, and what they mean."""
    with torch.inference_mode():
        returned = classifier.network(classifier.normalise(images))
        count = classifier.head.taken(returned, len(images)).shape[1]
    classes, groups = classifier.classes, classifier.checkpoint.groups
    what = "one for each class"
    if groups:
        what = "read in groups, whose logit is the logsumexp of their outputs' logits"
    elif count == 1:
        what = "a sigmoid's logit z, read as (-z/2, z/2)"
    kind = "" if isinstance(returned, Tensor) else f", taken out of a {type(returned).__name__}"
    yield "outputs", f"{count:,}, {what}{kind}"
    listed = in_words(dict(zip(classes, groups, strict=True))).replace(",", ", ") if groups else ", ".join(classes)
    yield "classes", f"{len(classes)}: {listed}"


def _preprocessing(checkpoint: Checkpoint) -> Iterator[tuple[str, str]]:
    seen = checkpoint.preprocess
    height, width = seen.size
    colours = "RGB" if len(seen.mean) == 3 else "grey"
    mean, std = (", ".join(f"{value:g}" for value in values) for values in (seen.mean, seen.std))
    yield (
        "images",
        f"{colours}, shorter side {seen.resize} ({seen.interpolation}), crop {height} x {width}, "
        f"mean {mean}, std {std}",
    )


def _layers(config: NetworkConfig, shapes: dict[str, dict[str, int]], entry: Architecture) -> Iterator[tuple[str, str]]:
    how = "named by --layers" if config.layers else "found by a trial pass"
    if entry.default_layer and not config.layers:
        how = "the architecture's own"
    for name, shape in list(shapes.items())[:SHOWN]:
        yield "layer", f"{name}: {shape['channels']} x {shape['height']} x {shape['width']}, {how}"
    if len(shapes) > SHOWN:
        yield "layer", f"... and {len(shapes) - SHOWN} more"


def _trial(classifier: Classifier, maps: Maps) -> Iterator[tuple[str, str]]:
    low, high = maps.logits.min().item(), maps.logits.max().item()
    yield "trial pass", f"passed: finite logits, no softmax behind them, from {low:.3g} to {high:.3g} on noise"
    finite = all(signed.isfinite().all() for signed in maps.signed.values())
    counted = f"Grad-CAM and LayerCAM of {len(classifier.classes)} classes"
    yield "maps", f"{counted}: {'all finite' if finite else 'NOT ALL FINITE: those images will be undefined'}"


def _dead(maps: Maps) -> Iterator[str]:
    """Methods and layers whose maps are 0 everywhere."""
    for method, layer in maps.signed:
        if not maps.raw(method, layer).any():
            yield f"{PAIR[method].title} at {layer} is 0 everywhere on noise; try another layer (cambench layers)"


def _speed(classifier: Classifier, network: Network, images: Tensor, layers: Sequence[str]) -> str:
    def with_maps() -> list[Tensor]:
        return [signed.cpu() for signed in compute_maps(network, images, layers, PAIR).signed.values()]

    forward, whole = side_by_side(lambda: bare_pass(classifier, images), with_maps)
    each, maps = 1e3 * forward / len(images), 1e3 * whole / len(images)
    where = f"{IMAGES} at a time, {str(classifier.scale.dtype).removeprefix('torch.')} on {images.device}"
    threads = f", {torch.get_num_threads()} threads" if images.device.type == "cpu" else ""
    return f"{each:.3g} ms per image, {maps:.3g} ms with both maps of all classes ({where}{threads})"


def _wrapped(key: str, text: str) -> list[str]:
    """The first line begins with the key; at most four."""
    lines = textwrap.wrap(text, WIDTH - KEY, max_lines=4, placeholder=" ...") or [""]
    return [f"{key if number == 0 else '':<{KEY}}{line}" for number, line in enumerate(lines)]
