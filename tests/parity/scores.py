"""Our metrics, set as other packages set theirs, next to theirs on the same maps; and what methods cost there and here.

Run by `make parity` in an environment of its own; writes the second part of docs/parity.md. Theirs take normalised
images, so that their 0 is our mean colour.
"""

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import pytorch_grad_cam as pgc
import quantus
import torch
from parity import TOLERANCE, ours, pictures, theirs
from pytorch_grad_cam.metrics import road
from pytorch_grad_cam.utils.model_targets import ClassifierOutputSoftmaxTarget
from torch import Tensor, nn
from torchcam.metrics import DeletionInsertionMetric

from metrics.imputation import impute
from metrics.inputs import BatchInputs, MapInputs
from metrics.ordering import rank_pixels
from metrics.perturbation import Curve, auc, curve, masked_logits, replaced, road_probability
from metrics.scaling import min_max_scaled
from metrics.substrates import mean_substrate
from weights import ARCHITECTURES, Classifier, load_classifier

BEGIN, END = "<!-- metrics: make parity -->", "<!-- end of metrics -->"
LOOSE = 1e-3  # of values behind an imputation that is solved to 3e-4


class Normalised(nn.Module):
    """The classifier for images that are normalised already."""

    def __init__(self, model: Classifier) -> None:
        super().__init__()
        self.model, self.network = model, model.network

    def forward(self, images: Tensor) -> Tensor:
        return self.model.head(self.network(images), len(images))


class Given:
    """A torch-cam extractor whose maps are given."""

    def __init__(self, model: nn.Module, maps: Tensor) -> None:
        self.model, self.maps = model, maps

    def __call__(self, *_args: object, **_named: object) -> list[Tensor]:
        return [self.maps]

    def fuse_cams(self, maps: list[Tensor]) -> Tensor:
        return maps[0]

    _hooks_off = nullcontext


def our_curves(model: nn.Module, images: Tensor, upsampled: Tensor, steps: int, substrate: str) -> tuple[Curve, Curve]:
    """Insertion and deletion along the maps (N, H, W) of class 0, ties in the order of the pixels, as theirs."""
    pixels = upsampled[0].numel()
    ranks = rank_pixels(upsampled, torch.arange(pixels).expand(len(images), -1))
    behind = mean_substrate(images, model.checkpoint.preprocess.mean)
    other = torch.zeros_like(images) if substrate == "linear" else behind
    given = {"ends": (model(images), model(behind)), "steps": steps, "batch_size": 16}
    fill = impute if substrate == "linear" else replaced
    along = (model, images, other, ranks, torch.arange(len(images)))
    target = torch.zeros(len(images), dtype=torch.long)
    with torch.no_grad():
        insertion, deletion = (
            curve(masked_logits(*along, direction=way, fill=fill, **given), target) for way in ("insertion", "deletion")
        )
    return insertion, deletion


def compared(model: Classifier, layer: str, images: Tensor) -> Iterator[tuple[str, str, Tensor, Tensor]]:
    """What ours is set to, theirs, and the values of both."""
    inner, targets = Normalised(model).eval(), [ClassifierOutputSoftmaxTarget(0)] * len(images)
    normalised = model.normalise(images)
    logits, signed = ours("gradcam", model, model.network, layer, images)
    batch = BatchInputs((224, 224), torch.arange(224 * 224).expand(len(images), -1), logits, torch.ones(1))
    upsampled = MapInputs(batch, signed[:, :1]).upsampled  # of class 0
    insertion, deletion = our_curves(model, images, upsampled, 32, "mean")
    metric = DeletionInsertionMetric(Given(inner, signed[:, 0].relu()), partial(torch.softmax, dim=-1), steps=32)
    metric.update(normalised, 0)
    found = metric.summary()
    yield "deletion_auc", "torchcam DeletionInsertionMetric", auc(deletion.probability).mean(), found["deletion_auc"]
    yield "insertion onto the mean colour", "the same", auc(insertion.probability).mean(), found["insertion_auc"]
    smooth = torch.rand(
        len(images), 1, 14, 14, generator=torch.Generator().manual_seed(0)
    )  # plateaus are cut elsewhere
    untied = nn.functional.interpolate(smooth, (224, 224), mode="bilinear").flatten(1).argsort().argsort()
    untied = untied.view(-1, 224, 224).float()  # all values differ
    _, deletion = our_curves(model, images, untied, 32, "mean")
    flipping = quantus.PixelFlipping(
        features_in_step=224 * 224 // 32, perturb_baseline=0.0, normalise=False, abs=False, disable_warnings=True
    )
    numbers = flipping(
        model=inner, x_batch=normalised.numpy(), y_batch=np.zeros(len(images), int),
        a_batch=untied[:, None].numpy(), softmax=True, channel_first=True,
    )  # fmt: skip
    thirds = np.stack(numbers)[:, 2::3]  # they count the channels of a pixel as three features
    yield "deletion curve, 32 steps", "quantus PixelFlipping", deletion.probability[:, 1:], thirds
    insertion, deletion = our_curves(model, images, untied, 10, "linear")
    with quiet():
        combined = road.ROADCombined()(normalised, min_max_scaled(untied).numpy(), targets, inner)
    mine = road_probability(insertion, deletion) * 5 / 9
    yield "road_probability x 5/9, 10 steps", "grad-cam ROADCombined", mine, combined


@contextmanager
def quiet() -> Iterator[None]:
    """Their imputation without its noise, which is drawn from no seed."""
    made = road.NoisyLinearImputer.__init__
    usual = made.__defaults__
    made.__defaults__ = (0.0, *usual[1:])
    try:
        yield
    finally:
        made.__defaults__ = usual


def seconds(run: Callable[[], object], rounds: int = 3) -> float:
    """Of this process's own time, the least of some rounds."""
    found = []
    for _ in range(rounds):
        start = time.process_time()
        run()
        found.append(time.process_time() - start)
    return min(found)


def costs(model: Classifier, layer: str, image: Tensor) -> Iterator[tuple[str, float, float]]:
    """Forward-pass equivalents of a picture's maps of both classes, ours and theirs."""
    module = model.network.get_submodule(layer)
    with torch.no_grad():
        forward = seconds(lambda: model(image.expand(16, -1, -1, -1))) / 16
    for name, kind in (("gradcam", pgc.GradCAM), ("scorecam", pgc.ScoreCAM), ("ablationcam", pgc.AblationCAM)):
        mine = seconds(partial(ours, name, model, model.network, layer, image))
        other = seconds(partial(theirs(kind), model, module, image))
        yield name, mine / forward, other / forward


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--layer", default="features.11")
    parser.add_argument("--write", type=Path, help="page whose tables are replaced")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    model = load_classifier(options.weights, architectures=ARCHITECTURES).requires_grad_(True)
    images = pictures(options.pictures, 224)
    lines = ["| ours | theirs | largest difference | verdict |", "|---|---|---|---|"]
    failed = False
    for name, package, mine, other in compared(model, options.layer, images):
        difference = float((torch.as_tensor(mine).double() - torch.as_tensor(other).double()).abs().max())
        verdict = "equal" if difference <= (LOOSE if "road" in name else TOLERANCE) else "DIFFERENT"
        failed |= verdict == "DIFFERENT"
        lines.append(f"| {name} | {package} | {difference:.1e} | {verdict} |")
        print(lines[-1], flush=True)
    lines += ["", "| method | ours | grad-cam | times |", "|---|---|---|---|"]
    for name, mine, other in costs(model, options.layer, images[:1]):
        lines.append(f"| {name} | {mine:.1f} | {other:.1f} | {other / mine:.1f} |")
        print(lines[-1], flush=True)
    if options.write:
        text = options.write.read_text(encoding="utf-8")
        before, _, rest = text.partition(BEGIN)
        said = f"{options.weights.stem}, `{options.layer}`, {len(images)} pictures."
        table = "\n".join(lines)
        options.write.write_text(
            f"{before}{BEGIN}\n\n{said}\n\n{table}\n\n{END}{rest.partition(END)[2]}", encoding="utf-8"
        )
    sys.exit(failed)


if __name__ == "__main__":
    main()
