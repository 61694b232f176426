"""Maps: Grad-CAM and LayerCAM, then the methods that mask (Score-CAM) or ablate (Ablation-CAM)."""

import pytorch_grad_cam as pgc
import torch
from captum.attr import LayerGradCam
from contest import FORWARD, OURS, Contest, Entry
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget
from setting import BATCH, LAYER, SIDE, Setting, apart, scaled
from torch import Tensor
from torchcam import methods as torchcam

from cam import CONTROLS, METHODS, MapBatch, compute_maps, maps_of, tap_for

CLASSES = 2


def ours(of: Setting, methods: list[str], images: Tensor) -> Tensor:
    """(B, methods x K, h, w)."""
    found = compute_maps(of.network, images, (LAYER,), {name: METHODS[name] for name in methods})
    return torch.cat([found.raw(name, LAYER) for name in methods], dim=1)


def grad_cams(of: Setting, kinds: list[type], images: Tensor, *, frozen: bool = True) -> Tensor:
    """pytorch-grad-cam: a batch at a time, one call per method and class; frozen, it spares gradients of weights."""
    found = []
    of.classifier.requires_grad_(not frozen)
    for kind in kinds:
        made = kind(model=of.classifier, target_layers=[of.layer])
        made.batch_size, made.compute_input_gradient = BATCH, frozen
        for k in range(CLASSES):
            maps = made(input_tensor=images.clone(), targets=[ClassifierOutputTarget(k)] * len(images))
            found.append(torch.as_tensor(maps))
        made.activations_and_grads.release()
    of.classifier.requires_grad_(False)
    return torch.stack(found, dim=1)


def torch_cams(of: Setting, kinds: list[type], images: Tensor, **given: object) -> Tensor:
    """torch-cam: a batch at a time; the classes share the forward pass of a method."""
    found = []
    for kind in kinds:
        with kind(of.classifier, of.layer, **given) as extract:
            needed = given == {}
            with torch.set_grad_enabled(needed):
                scores = of.classifier(images.clone().requires_grad_(needed))
            for k in range(CLASSES):
                keep = {"retain_graph": k < CLASSES - 1} if needed else {}
                found.append(extract(k, scores, **keep)[0].detach())
    return torch.stack(found, dim=1)


def captums(of: Setting, images: Tensor) -> Tensor:
    """captum has Grad-CAM alone, one forward pass per class."""
    made = LayerGradCam(of.classifier, of.layer)
    return torch.cat([made.attribute(images, target=k, relu_attributions=True).detach() for k in range(CLASSES)], dim=1)


def forward(of: Setting, images: Tensor) -> Entry:
    ready = of.classifier.normalise(images)

    def run() -> Tensor:
        with torch.inference_mode():
            return of.classifier.network(ready)

    return Entry(FORWARD, run)


def same_maps(one: object, other: object) -> str:
    """Largest difference of maps as a user sees them: cut at 0, enlarged, from 0 to 1."""
    return apart(scaled(one), other if other.shape[-1] == SIDE else scaled(other))


def all_controls(of: Setting, images: Tensor) -> object:
    """Maps of both methods and of every control at three layers."""
    layers = ("features.8", "features.10", LAYER)
    methods = {name: METHODS[name] for name in ("gradcam", "layercam")} | CONTROLS
    tapped = tap_for(of.network, images, layers, methods)
    return maps_of(MapBatch(of.network, tapped, images, tuple(map(str, range(len(images))))), methods)


def contests(of: Setting) -> list[Contest]:
    many, few = of.images, of.images[:1]
    both, grad = ["gradcam", "layercam"], ["gradcam"]
    score = "scales a mask before it is enlarged, ours after, as the paper"
    return [
        Contest(
            "Grad-CAM and LayerCAM, both classes, 32 images", len(many),
            [
                Entry(OURS, lambda: ours(of, both, many)),
                forward(of, many),
                Entry("torch-cam", lambda: torch_cams(of, [torchcam.GradCAM, torchcam.LayerCAM], many)),
                Entry(
                    "pytorch-grad-cam, as in its manual",
                    lambda: grad_cams(of, [pgc.GradCAM, pgc.LayerCAM], many, frozen=False),
                ),
                Entry("pytorch-grad-cam, weights frozen", lambda: grad_cams(of, [pgc.GradCAM, pgc.LayerCAM], many)),
            ],
            same_maps, {FORWARD: 1 / 1.2, "torch-cam": 3.5, "pytorch-grad-cam, as in its manual": 9},
        ),
        Contest(
            "Grad-CAM, both classes, 32 images", len(many),
            [
                Entry(OURS, lambda: ours(of, grad, many)),
                forward(of, many),
                Entry("captum", lambda: captums(of, many)),
                Entry("torch-cam", lambda: torch_cams(of, [torchcam.GradCAM], many)),
            ],
            same_maps, {FORWARD: 1 / 1.2, "captum": 2},
        ),
        Contest(
            "the two at three layers, and all controls, 32 images", len(many),
            [Entry(OURS, lambda: all_controls(of, many)), forward(of, many)],
            apart, {FORWARD: 1 / 1.3},
        ),
        Contest(
            "Grad-CAM and LayerCAM, both classes, 1 image", 1,
            [
                Entry(OURS, lambda: ours(of, both, many[:1])),
                forward(of, many[:1]),
                Entry("torch-cam", lambda: torch_cams(of, [torchcam.GradCAM, torchcam.LayerCAM], many[:1])),
                Entry(
                    "pytorch-grad-cam, as in its manual",
                    lambda: grad_cams(of, [pgc.GradCAM, pgc.LayerCAM], many[:1], frozen=False),
                ),
                Entry("pytorch-grad-cam, weights frozen", lambda: grad_cams(of, [pgc.GradCAM, pgc.LayerCAM], many[:1])),
            ],
            same_maps, {FORWARD: 1 / 1.4}, 15,
        ),
        Contest(
            "Score-CAM, both classes, 1 picture", len(few),
            [
                Entry(OURS, lambda: ours(of, ["scorecam"], few)),
                Entry("pytorch-grad-cam", lambda: grad_cams(of, [pgc.ScoreCAM], few), "enlarges with aligned corners"),
                Entry("torch-cam", lambda: torch_cams(of, [torchcam.ScoreCAM], few, batch_size=BATCH), score),
            ],
            same_maps, {"pytorch-grad-cam": 5}, 3,
        ),
        Contest(
            "Ablation-CAM, both classes, 1 picture", len(few),
            [
                Entry(OURS, lambda: ours(of, ["ablationcam"], few)),
                Entry(
                    "pytorch-grad-cam", lambda: grad_cams(of, [pgc.AblationCAM], few),
                    "turns the map over where the logit is negative: compared where it is not",
                ),
            ],
            lambda one, other: same_signs(of, few, one, other), {"pytorch-grad-cam": 5}, 3,
        ),
    ]  # fmt: skip


def same_signs(of: Setting, images: Tensor, one: Tensor, other: Tensor) -> str:
    with torch.inference_mode():
        positive = of.classifier(images) > 0
    return apart(scaled(one)[positive], other[positive])
