"""Deletion and insertion, ROAD and infidelity of given maps."""

import importlib
import importlib.util

import numpy as np
import torch
from captum.metrics import infidelity as captum_infidelity
from contest import OURS, Contest, Entry
from pytorch_grad_cam.metrics.road import NoisyLinearImputer
from quantus import PixelFlipping
from setting import BATCH, SIDE, STEPS, Setting, apart
from torch import Tensor
from torchcam.metrics import DeletionInsertionMetric

from metrics.margins import margins
from metrics.perturbation import auc, curve, masked_logits
from metrics.robustness import _squares, infidelity
from metrics.substrates import mean_substrate


def ours(of: Setting, count: int, directions: tuple[str, ...]) -> Tensor:
    """Probability along the curves, (count, directions, points), float64."""
    images, target = of.images[:count], of.labels[:count]
    substrate = mean_substrate(images, of.classifier.checkpoint.preprocess.mean)
    with torch.inference_mode():
        ends = of.classifier(images), of.classifier(substrate)
        found = [
            masked_logits(
                of.classifier, images, substrate, of.ranks[:count], torch.arange(count),
                ends=ends, steps=STEPS, direction=direction, batch_size=BATCH,
            )
            for direction in directions
        ]  # fmt: skip
    return torch.stack([curve(logits, target).probability for logits in found], dim=1)


class Given:
    """Stands for a map maker of torch-cam whose maps are there already."""

    def __init__(self, model: torch.nn.Module, maps: Tensor) -> None:
        self.model, self.maps = model, maps

    def __call__(self, class_idx: object = None, scores: object = None, **named: object) -> list[Tensor]:
        return [self.maps]

    def fuse_cams(self, cams: list[Tensor]) -> Tensor:
        return cams[0]

    _hooks_off = torch.no_grad


def torch_cams(of: Setting, count: int) -> Tensor:
    """Mean deletion and insertion AUC by torch-cam's metric on the same maps, (2,): it keeps no single ones."""
    metric = DeletionInsertionMetric(
        Given(of.classifier, of.maps[:count]), lambda logits: logits.softmax(dim=-1), steps=STEPS, batch_size=BATCH,
        baseline=lambda images: mean_substrate(images, of.classifier.checkpoint.preprocess.mean),
    )  # fmt: skip
    with torch.no_grad():
        metric.update(of.images[:count], of.labels[:count].tolist())
    found = metric.summary()
    return torch.tensor([found["deletion_auc"], found["insertion_auc"]])


def naive(of: Setting, count: int) -> Tensor:
    """RISE's evaluation as it is told: image by image and step by step, (count, 2, points)."""
    colour = mean_substrate(of.images[:1], of.classifier.checkpoint.preprocess.mean)[0].numpy().reshape(3, -1)
    found = np.empty((count, 2, STEPS + 1))
    for number in range(count):
        image, target = of.images[number].numpy().reshape(3, -1), int(of.labels[number])
        order = np.argsort(of.ranks[number].numpy().ravel())
        for place, (start, finish) in enumerate([(image, colour), (colour, image)]):
            picture = start.copy()
            for step in range(STEPS + 1):
                with torch.no_grad():
                    logits = of.classifier(torch.from_numpy(picture).view(1, 3, SIDE, SIDE))
                found[number, place, step] = logits.softmax(dim=1)[0, target].item()
                cells = order[step * SIDE * SIDE // STEPS : (step + 1) * SIDE * SIDE // STEPS]
                picture[:, cells] = finish[:, cells]
    return torch.from_numpy(found)


def quantus(of: Setting, count: int) -> Tensor:
    """Deletion curve without its first point by Quantus, all images in one batch, (count, 1, points - 1).

    It flips values, not pixels, and as many at a time as divide H W: three of its steps are one of ours.
    """
    metric = PixelFlipping(
        features_in_step=SIDE * SIDE // STEPS, perturb_baseline=0.0, normalise=False, abs=False,
        disable_warnings=True,
    )  # fmt: skip
    order = -of.ranks[:count, None].float().expand(-1, 3, -1, -1)
    found = metric(
        model=of.classifier.network, x_batch=of.classifier.normalise(of.images[:count]).numpy(),
        y_batch=of.labels[:count].numpy(), a_batch=order.numpy(), softmax=True, device="cpu", batch_size=count,
    )  # fmt: skip
    return torch.tensor(np.array(found))[:, None, 2::3]


def same_means(one: Tensor, other: Tensor) -> str:
    return apart(auc(one).mean(dim=0), other) + " (mean AUCs)"


def same_curves(one: Tensor, other: Tensor) -> str:
    if len(other.shape) == 1:
        return same_means(one, other)
    return apart(one[..., -other.shape[-1] :], other) + " (points)"


def our_infidelity(of: Setting, count: int) -> Tensor:
    images, target = of.images[:count], of.labels[:count]
    with torch.inference_mode():
        return infidelity(images, of.classifier(images), target, of.maps[:count], of.classifier)


def captums(of: Setting, count: int) -> Tensor:
    """captum's, normalised, with our squares, (count,): ours times the mean square of the falls."""
    squares, place = _squares(SIDE, SIDE), 0
    colours = of.images[:count].mean(dim=(2, 3), keepdim=True)

    def margin(pictures: Tensor) -> Tensor:
        found = margins(of.classifier(pictures))
        return found.gather(1, of.labels[:count].repeat_interleave(len(found) // count)[:, None])[:, 0].float()

    def perturb(pictures: Tensor) -> tuple[Tensor, Tensor]:
        nonlocal place
        changed, where, each = pictures.clone(), torch.zeros_like(pictures), len(pictures) // count
        for row in range(len(pictures)):
            top, left, bottom, right = squares[place + row % each]
            changed[row, :, top:bottom, left:right] = colours[row // each]
            where[row, 0, top:bottom, left:right] = 1
        place += each
        return where, changed

    maps = of.maps[:count] / of.maps[:count].amax(dim=(1, 2), keepdim=True)
    return captum_infidelity(
        margin, perturb, of.images[:count], maps[:, None].expand(-1, 3, -1, -1),
        n_perturb_samples=len(squares), normalize=True, max_examples_per_batch=max(BATCH, count),
    )  # fmt: skip


def same_infidelity(of: Setting, count: int, one: Tensor, other: Tensor) -> str:
    """Ours against captum's over the mean square of the falls, where the map and the falls go together."""
    images, rows, falls = of.images[:count], torch.arange(count), []
    with torch.inference_mode():
        full = margins(of.classifier(images))[rows, of.labels[:count]]
        for top, left, bottom, right in _squares(SIDE, SIDE):
            changed = images.clone()
            changed[:, :, top:bottom, left:right] = images.mean(dim=(2, 3), keepdim=True)
            falls.append(full - margins(of.classifier(changed))[rows, of.labels[:count]])
    together = one < 1
    theirs = other.double() / torch.stack(falls).square().mean(dim=0)
    return f"{apart(one[together], theirs[together])} ({int(together.sum())} of {count} maps; ours is 1 for the others)"


def roads(of: Setting) -> list[Contest]:
    """ROAD without its noise, most important pixels first; nothing where our imputation is not there."""
    if importlib.util.find_spec("metrics.imputation") is None:
        return []
    impute = importlib.import_module("metrics.imputation").impute
    image, masks = of.images[:1], [of.ranks[:1, None] < round(share * SIDE * SIDE / 10) for share in range(1, 10)]

    def ours_road() -> Tensor:
        pictures = torch.cat([impute(image, missing) for missing in masks])
        with torch.inference_mode():
            of.classifier(pictures)
        return pictures

    def theirs() -> Tensor:
        fill = NoisyLinearImputer(noise=0.0)
        pictures = torch.stack([fill(image[0], (~missing[0, 0]).float()) for missing in masks])
        with torch.inference_mode():
            of.classifier(pictures)
        return pictures

    entries = [Entry(OURS, ours_road), Entry("pytorch-grad-cam", theirs)]
    return [Contest("ROAD, nine shares of the pixels, 1 image", 1, entries, apart, {}, 3)]


def contests(of: Setting) -> list[Contest]:
    count = 2
    both = ("deletion", "insertion")
    split = "has to take three steps for one of ours: it flips the colours of a pixel one by one"
    return [
        Contest(
            f"deletion and insertion, {STEPS} steps, {count} images", count,
            [
                Entry(OURS, lambda: ours(of, count, both)),
                Entry("torch-cam", lambda: torch_cams(of, count)),
                Entry("RISE, step by step", lambda: naive(of, count)),
            ],
            same_curves, {"torch-cam": 1, "RISE, step by step": 1.8},
        ),
        Contest(
            f"deletion, {STEPS} steps, {count} images", count,
            [
                Entry(OURS, lambda: ours(of, count, ("deletion",))),
                Entry("Quantus, PixelFlipping", lambda: quantus(of, count), split),
            ],
            same_curves, {},
        ),
        Contest(
            f"infidelity, 32 squares, {2 * count} images", 2 * count,
            [
                Entry(OURS, lambda: our_infidelity(of, 2 * count)),
                Entry("captum", lambda: captums(of, 2 * count)),
            ],
            lambda one, other: same_infidelity(of, 2 * count, one, other), {}, 3,
        ),
        *roads(of),
    ]  # fmt: skip
