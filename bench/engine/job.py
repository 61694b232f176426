"""What the engine is to compute on every batch."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch

from cam import SMOOTHED, MapBatch, Method, Network, maps_of
from datasets.drawn import GROUP_NAMES, PART_NAMES
from metrics import CURVES, Metric
from metrics.imputation import IMPUTED
from metrics.registry import MASKED
from metrics.smoothing import CURVES as SMOOTH_CURVES


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
        controls_forward: whether controls get curves, which need forward passes.
        metrics: by name.
        targets: roles that get curves; images of several classes get them for each.
        steps: of a curve.
        seed: of the tie rule and of random maps.
        batch_size: images per forward pass.
        removals: whether drawn images come with copies that lack a part, which are scored.
        smooth: standard deviations in cells by which every method's maps at the first layer are smoothed, and scored
            once more along the curves of `metrics.smoothing`.
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
    controls_forward: bool = False
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

    @property
    def smoothed(self) -> dict[str, tuple[str, float]]:
        """Method and standard deviation of all smoothed maps, by their name."""
        names = [name for name, method in self.methods.items() if method.kind == "method"]
        return {f"{SMOOTHED}{sigma:g}_{name}": (name, sigma) for name in names for sigma in self.smooth}

    @property
    def masked(self) -> bool:
        """Whether a metric needs the image masked by its map, or its probability."""
        return any({MASKED, "masked_probability"} & set(metric.inputs) for metric in self.metrics.values())


def forward_passes(job: Job) -> int:
    """Forward passes per image of one class: the maps, the substrates and all masked copies."""
    negated = sum(method.kind == "method" for method in job.methods.values()) if job.negated else 0
    scored = len(job.methods) + (len(job.controls) + negated if job.controls_forward else 0)
    maps = scored * len(job.layers) * len(job.targets)
    substrates = len({curve.partition("_")[2].replace(IMPUTED, "mean") for curve in job.curves})
    removals = job.removals * (1 + len(PART_NAMES) + len(GROUP_NAMES))
    smoothed = len(job.smoothed) * len(set(job.curves) & set(SMOOTH_CURVES)) * (job.steps - 1)
    return 1 + removals + substrates + smoothed + maps * (len(job.curves) * (job.steps - 1) + job.masked)


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
