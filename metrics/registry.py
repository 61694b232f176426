"""What a metric is, and what it may ask for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from torch import Tensor

from cam.contract import asked_for

# A metric is a function of one or more of these, by parameter name; N maps go in, (N,) comes out.
INPUTS = {
    "raw": "map, ReLU'd, native resolution (N, h, w)",
    "signed": "score map before the ReLU (N, h, w)",
    "other_raw": "raw map of the other class (N, h, w)",
    "other_signed": "signed map of the other class (N, h, w)",
    "upsampled": "raw map upsampled to the image (N, H, W)",
    "ranks": "rank of every pixel in the map's order, 0 highest (N, H, W)",
    "mask": "the target's animal: 1 object, 0 background, 255 ignore (N, H, W)",
    "other_mask": "the other class's animal, on two-animal images (N, H, W)",
    "face": "the target's head boxes (N, H, W)",
    "other_face": "the other class's head, on two-animal images (N, H, W)",
    "parts": "code of the part seen at every pixel of a drawn scene, 0 the background (N, H, W)",
    "part_effect": "fall of the target's margin when a part is taken away (N, P)",
    "certified": "whether the scene counts as ground truth (N,)",
    "images": "RGB in [0, 1] (N, 3, H, W)",
    "logits": "on the full image (N, K)",
    "target": "class index of the target (N,)",
    "probability": "softmax probability of the target on the full image (N,)",
    "masked_images": "images masked by the scaled map, the mean colour elsewhere (N, 3, H, W)",
    "masked_probability": "the same on the image masked by the scaled map (N,)",
    "deletion_mean": "deletion curve onto the mean colour (Curve)",
    "deletion_blur": "deletion curve onto the blurred image (Curve)",
    "insertion_blur": "insertion curve from the blurred image (Curve)",
    "deletion_linear": "deletion curve, missing pixels imputed from the others (Curve)",
    "insertion_linear": "insertion curve, missing pixels imputed from the others (Curve)",
    "insertion_mean": "insertion curve from the mean colour (Curve)",
    "deletion_gaussian": "deletion curve onto a strong Gaussian of the image (Curve)",
    "insertion_gaussian": "insertion curve from it (Curve)",
    "deletion_noise": "deletion curve onto uniform noise (Curve)",
    "insertion_noise": "insertion curve from it (Curve)",
    "deletion_shuffle": "deletion curve onto the image's own patches, shuffled (Curve)",
    "insertion_shuffle": "insertion curve from them (Curve)",
    "score": "function of images (M, 3, H, W) in [0, 1], any M, giving logits (M, K)",
    "others": "raw maps of the class on 12 other images of the label, NaN where there are fewer (N, 12, h, w)",
    "mask_weights": "weights of the map's cells in its sum over the animal, and over all known pixels (N, 2, h, w)",
    "face_weights": "the same of the head boxes (N, 2, h, w)",
    "maps_of": "function of changed images (N, 3, H, W), and optionally a change of the network, giving maps (N, h, w)",
}
CURVES = (
    "deletion_mean", "deletion_blur", "insertion_blur", "deletion_linear", "insertion_linear", "insertion_mean",
    "deletion_gaussian", "insertion_gaussian", "deletion_noise", "insertion_noise", "deletion_shuffle",
    "insertion_shuffle",
)  # fmt: skip
ON_HOST = (*CURVES, "masked_probability")
CALLS = ("score", "maps_of")  # functions that run the network
MASKED = "masked_images"
FORWARD = (*ON_HOST, MASKED, *CALLS)  # inputs that need the model again, so only for the roles in --targets
ANNOTATIONS = ("mask", "other_mask", "face", "other_face", "parts", "part_effect", "certified")  # not of every image
WEIGHTS = {"mask_weights": "mask", "face_weights": "face"}  # and the annotation they are made of
OTHERS = "others"  # known when all images are scored
LATE = ("raw", OTHERS, *WEIGHTS)  # what may be asked for beside it
OTHER_MAPS = ("other_raw", "other_signed")
TRUTH = ("parts", "part_effect", "certified")  # inputs that only drawn scenes have
ROLES = ("right", "wrong", "present")

Family = Literal[
    "rise", "srg", "road", "substrates", "dispersion", "localisation", "confidence", "robustness", "truth", "custom"
]


class MetricError(ValueError):
    """A metric that cannot be used: unknown inputs, or a protocol that does not provide its curves."""


@dataclass(frozen=True)
class Metric:
    """A registry entry: a function of inputs named by its parameters, and how to read its values.

    Attributes:
        function: tensors of N maps in, (N,) out, NaN where undefined; parameter names are keys of `INPUTS`.
        title: name for tables and figures.
        family: group in tables and figures; `rise`, `srg` and `road` metrics run under the protocol of that name.
        direction: which values are better for an explanation of the right class.
        range: smallest and largest value; None is unbounded.
        unit: unit of the values.
        meaning: one line.
        source: paper, or "" for our own.
        roles: roles the metric is given for.
        validated: whether it ranks the truth of drawn scenes above chance and mixtures in between (yes), the first only
            (partly), or not (no), which is also that of a metric whose best value a map has that ignores the image; ""
            for one without a better direction, or not measured. docs/ground-truth.md.
        scale_free: whether maps multiplied by a constant score the same; tested of every entry that does not deny it.
    """

    function: Callable[..., Tensor]
    title: str
    family: Family = "custom"
    direction: Literal["higher", "lower", "none"] = "none"
    range: tuple[float | None, float | None] = (None, None)
    unit: str = "1"
    meaning: str = ""
    source: str = ""
    roles: tuple[str, ...] = ROLES
    validated: Literal["yes", "partly", "no", ""] = ""
    scale_free: bool = True
    inputs: tuple[str, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "inputs", asked_for(self.function, INPUTS, f"metric '{self.title}'", MetricError))
        if OTHERS in self.inputs and not set(self.inputs) <= {*LATE}:
            raise MetricError(
                f"metric '{self.title}' asks for {', '.join(self.inputs)}, expected nothing but {', '.join(LATE)} "
                f"beside '{OTHERS}'; leave the rest out"
            )
        wrong = [role for role in self.roles if role not in ROLES]
        if wrong or not self.roles:
            raise MetricError(f"roles of metric '{self.title}' are {self.roles}, expected some of {', '.join(ROLES)}")

    @property
    def curves(self) -> tuple[str, ...]:
        """The curves the metric is computed from."""
        return tuple(name for name in self.inputs if name in CURVES)

    @property
    def needs_forward(self) -> bool:
        """Whether the metric runs the model again, beyond the maps."""
        return any(name in FORWARD for name in self.inputs)

    @property
    def perturbs(self) -> bool:
        """Whether it needs the images perturbed along the map, which the protocols stand for."""
        return any(name in ON_HOST for name in self.inputs)

    @property
    def on_demand(self) -> bool:
        """Whether it is scored only where it is named: it runs the network as often as it likes."""
        return any(name in CALLS for name in self.inputs)

    @property
    def needs_others(self) -> bool:
        """Whether it is given once all images are scored."""
        return OTHERS in self.inputs

    @property
    def annotations(self) -> tuple[str, ...]:
        """The inputs that not every image has; the metric is given where all of them are there."""
        wanted = (WEIGHTS.get(name, name) for name in self.inputs)
        return tuple(name for name in wanted if name in ANNOTATIONS)

    @property
    def needs_truth(self) -> bool:
        """Whether the metric is defined on drawn scenes alone."""
        return any(name in TRUTH for name in self.inputs)

    def describe(self) -> dict[str, object]:
        """What the manifest records and the report shows."""
        return {
            "title": self.title,
            "family": self.family,
            "direction": self.direction,
            "range": list(self.range),
            "unit": self.unit,
            "meaning": self.meaning,
            "source": self.source,
            "validated": self.validated,
        }
