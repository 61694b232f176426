"""What the engine is to compute on every batch."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from cam import SMOOTHED, MapBatch, Method, Network, maps_of
from cam.seeds import place_of
from datasets.drawn import GROUP_NAMES, PART_NAMES
from metrics import CURVES, Metric
from metrics.gains import FAMILY as SUBSTRATES
from metrics.imputation import IMPUTED
from metrics.registry import MASKED

CONTROL_SHARE, FEWEST_CONTROLLED, MOST_CONTROLLED = 0.5, 24, 128  # images on which controls get curves by default


@dataclass(frozen=True)
class Job:
    """A job, resolved and checked.

    Attributes:
        network: the model, and what is tapped.
        classes: names in the order of the logits, K of them.
        size: (H, W) of the images.
        mean: colour that deleted pixels show, one number per channel.
        layers: per layer its channels, height and width.
        methods: maps to score, controls and truths among them, by name.
        controls: maps that every method should beat, scored beside them.
        negated: whether the negated map of every method is a control, too.
        control_curves: which controls get what needs forward passes: none, all of them, or those at the first layer
            of `control_images` (sampled).
        control_images: their ids; None: all images.
        metrics: by name.
        targets: roles that get curves; images of several classes get them for each.
        steps: of a curve.
        seed: of the tie rule and of random maps.
        batch_size: images per forward pass.
        removals: whether drawn images come with copies that lack a part, which are scored.
        smooth: standard deviations in cells by which every method's maps at the first layer are smoothed, and scored
            once more along the curves of SRG.
    """

    network: Network
    classes: tuple[str, ...]
    size: tuple[int, int]
    mean: Sequence[float]
    layers: Mapping[str, Mapping[str, int]]
    methods: Mapping[str, Method]
    controls: Mapping[str, Method]
    metrics: Mapping[str, Metric]
    device: torch.device
    negated: bool = True
    control_curves: Literal["none", "sampled", "all"] = "none"
    control_images: frozenset[str] | None = None
    targets: tuple[str, ...] = ("right",)
    steps: int = 32
    seed: int = 0
    batch_size: int = 32
    removals: bool = False
    smooth: tuple[float, ...] = ()

    @property
    def curves(self) -> tuple[str, ...]:
        """The curves that the metrics need, `direction_substrate`."""
        return tuple(curve for curve in CURVES if any(curve in metric.curves for metric in self.metrics.values()))

    def curves_at(self, layer: str, *, control: bool = False) -> tuple[str, ...]:
        """The curves of maps at a layer; those under other substrates have methods at the first layer alone."""
        if layer == next(iter(self.layers)) and not control:
            return self.curves
        own = {name for metric in self.metrics.values() if metric.family != SUBSTRATES for name in metric.curves}
        return tuple(name for name in self.curves if name in own)

    @property
    def smooth_curves(self) -> tuple[str, ...]:
        """The curves of smoothed maps: those of SRG, under every substrate."""
        gains = [metric for metric in self.metrics.values() if metric.family in ("srg", SUBSTRATES)]
        return tuple(name for name in self.curves if any(name in metric.curves for metric in gains))

    @property
    def smoothed(self) -> dict[str, tuple[str, float]]:
        """Method and standard deviation of all smoothed maps, by their name."""
        names = [name for name, method in self.methods.items() if method.kind == "method"]
        return {f"{SMOOTHED}{sigma:g}_{name}": (name, sigma) for name in names for sigma in self.smooth}

    @property
    def masked(self) -> bool:
        """Whether a metric needs the image masked by its map, or its probability."""
        return any({MASKED, "masked_probability"} & set(metric.inputs) for metric in self.metrics.values())


def control_sample(ids: Sequence[str], seed: int) -> frozenset[str]:
    """The images on which controls get curves unless all do: half of them, at least 24 and at most 128.

    Args:
        ids: of all images.
        seed: of the run; with it an image's id decides its place in the queue.
    """
    count = min(max(math.ceil(len(ids) * CONTROL_SHARE), FEWEST_CONTROLLED), MOST_CONTROLLED)
    return frozenset(sorted(ids, key=lambda name: (place_of(seed, name, "controls"), name))[:count])


def forward_passes(job: Job) -> float:
    """Forward passes per image of one class: the maps, the substrates and all masked copies."""
    negated = sum(method.kind == "method" for method in job.methods.values()) if job.negated else 0
    layers = {"none": 0.0, "sampled": 1 if job.control_images is None else CONTROL_SHARE, "all": len(job.layers)}
    controls = (len(job.controls) + negated) * layers[job.control_curves]
    maps = (len(job.methods) * len(job.layers) + controls) * len(job.targets)
    substrates = len({curve.partition("_")[2].replace(IMPUTED, "mean") for curve in job.curves})
    removals = job.removals * (1 + len(PART_NAMES) + len(GROUP_NAMES))
    first, rest = (len(job.curves_at(next(iter(job.layers)), control=control)) for control in (False, True))
    more = len(job.smoothed) * len(job.smooth_curves) + len(job.methods) * len(job.targets) * (first - rest)
    return 1 + removals + substrates + more * (job.steps - 1) + maps * (rest * (job.steps - 1) + job.masked)


def layer_shapes(
    network: Network,
    size: tuple[int, int],
    layers: Sequence[str],
    device: torch.device,
    methods: Mapping[str, Method] | None = None,
) -> dict[str, dict[str, int]]:
    """Channels, height and width of every layer, from one pass of a grey image in which the methods are tried.

    Raises:
        LayerError: a layer that cannot be tapped.
        MethodError: a method that does not work with this network.
    """
    grey = torch.full((1, 3, *size), 0.5, device=device)
    tapped = network.tap(grey, layers)
    maps_of(MapBatch(network, tapped, grey, ("grey",)), methods or {})
    shapes = {name: activations.shape[1:] for name, activations in tapped.activations.items()}
    return {name: dict(zip(("channels", "height", "width"), shape, strict=True)) for name, shape in shapes.items()}
