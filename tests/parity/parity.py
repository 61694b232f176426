"""Our maps against those of pytorch-grad-cam and torch-cam, on photographs; writes the table of docs/parity.md.

Run by `make parity` in an environment of its own. A map is what a method gives at the layer, cut at 0 and divided by
its largest value; the difference is the largest over cells, classes and pictures.
"""

import argparse
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytorch_grad_cam as pgc
import torch
from PIL import Image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputReST, ClassifierOutputTarget
from torch import Tensor, nn
from torchcam import methods as torchcam

from cam import METHODS, MapBatch, Method, Network, maps_of, tap_for
from cam.family.statistics import eigencam, eigengradcam
from weights import ARCHITECTURES, load_classifier

MARK = "<!-- table: make parity -->"
TOLERANCE = 1e-4
Maps = Callable[[nn.Module, nn.Module, Tensor], Tensor]


class Louder(nn.Module):
    """The logits times 1000: pytorch-grad-cam adds 1e-6 to squares of gradients, and torch-cam 1e-8."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return self.model(images) * 1000


def theirs(kind: type, target: Callable[[int], object] = ClassifierOutputTarget, **given: object) -> Maps:
    """Maps (B, K, h, w) of a class of pytorch-grad-cam."""

    def maps(model: nn.Module, layer: nn.Module, images: Tensor) -> Tensor:
        seen: list[Tensor] = []
        made = kind(model=model, target_layers=[layer])
        inner = getattr(made, "base_cam", made)
        inner.get_cam_image = partial(kept, seen, inner.get_cam_image)
        for image in images:
            for k in range(2):
                if kind is pgc.FinerCAM:
                    made(input_tensor=image[None], target_idx=k, comparison_categories=[1], **given)
                else:
                    made(input_tensor=image[None], targets=[target(k)], **given)
        return torch.cat(seen).unflatten(0, (len(images), 2))

    return maps


def kept(seen: list[Tensor], compute: Callable[..., object], *given: object, **named: object) -> object:
    """What `compute` gives, noted."""
    found = compute(*given, **named)
    seen.append(torch.as_tensor(found))
    return found


def torch_cams(kind: type, **given: object) -> Maps:
    """Maps (B, K, h, w) of a class of torch-cam."""

    def maps(model: nn.Module, layer: nn.Module, images: Tensor) -> Tensor:
        found = []
        for image in images:
            for k in range(2):
                with kind(model, layer, **given) as extract:
                    scores = model(image[None].clone().requires_grad_())
                    found.append(extract(k, scores, normalized=False)[0].detach())
        return torch.cat(found).unflatten(0, (len(images), 2))

    return maps


CENTRED = {"eigencam": partial(eigencam, centred=True), "eigengradcam": partial(eigengradcam, centred=True)}
EPSILON = "adds 1e-6 to a denominator of squared gradients, which are smaller"
COPY = "divides a copy, so that alpha stays G^2; sums G^3 A instead of (sum A) G^3"
SIGN = "up to the sign, which their decomposition leaves open"
STRONG = "sums all cells by the share of strong ones; the paper sums strong cells by the mean"
BEFORE = "scales the mask before it is enlarged, the paper after"
ALIGNED = "enlarges masks with aligned corners"
SHARED = [  # our name, package, their maps, what differs; "" where nothing may
    ("gradcam", "grad-cam", theirs(pgc.GradCAM), ""),
    ("gradcam", "torchcam", torch_cams(torchcam.GradCAM), ""),
    ("layercam", "grad-cam", theirs(pgc.LayerCAM), ""),
    ("layercam", "torchcam", torch_cams(torchcam.LayerCAM), ""),
    ("xgradcam", "grad-cam", theirs(pgc.XGradCAM), ""),
    ("xgradcam", "torchcam", torch_cams(torchcam.XGradCAM), ""),
    ("hirescam", "grad-cam", theirs(pgc.HiResCAM), ""),
    ("gradcam_elementwise", "grad-cam", theirs(pgc.GradCAMElementWise), ""),
    ("gradcam++", "grad-cam", theirs(pgc.GradCAMPlusPlus), EPSILON),
    ("gradcam++, logits x 1000", "grad-cam", theirs(pgc.GradCAMPlusPlus), ""),
    ("gradcam++, logits x 1000", "torchcam", torch_cams(torchcam.GradCAMpp), COPY),
    ("finercam", "grad-cam", theirs(pgc.FinerCAM), ""),
    ("shapleycam", "grad-cam", theirs(pgc.ShapleyCAM, ClassifierOutputReST), ""),
    ("eigencam, centred", "grad-cam", theirs(pgc.EigenCAM), SIGN),
    ("eigencam", "grad-cam", theirs(pgc.EigenCAM), "takes each channel's mean off, the paper does not"),
    ("eigengradcam, centred", "grad-cam", theirs(pgc.EigenGradCAM), SIGN),
    ("kpcacam", "grad-cam", theirs(pgc.KPCA_CAM), "up to the sign; they compute in float32"),
    ("fem", "grad-cam", theirs(pgc.FEM), STRONG),
    ("ablationcam", "grad-cam", theirs(pgc.AblationCAM), "turns the map over where the logit is negative"),
    ("scorecam", "torchcam", torch_cams(torchcam.ScoreCAM), BEFORE),
    ("scorecam", "grad-cam", theirs(pgc.ScoreCAM), ALIGNED),
]  # fmt: skip


def ours(name: str, model: nn.Module, network: nn.Module, layer: str, images: Tensor) -> tuple[Tensor, Tensor]:
    """Logits, and maps (B, K, h, w) of our entry, or of a variant of it."""
    key = name.partition(",")[0]
    method = Method(CENTRED[key], key) if name.endswith("centred") else METHODS[key]
    of = Network(model, network)
    tapped = tap_for(of, images, [layer], {key: method})
    batch = MapBatch(of, tapped, images, tuple(map(str, range(len(images)))))
    return tapped.logits, maps_of(batch, {key: method})[key, layer]


def shape(maps: Tensor) -> Tensor:
    raw = maps.float().relu()
    return raw / raw.amax(dim=(-2, -1), keepdim=True).clamp_min(1e-30)


def apart(one: Tensor, other: Tensor) -> float:
    return float((shape(one) - shape(other)).abs().amax())


def rows(model: nn.Module, layer: str, images: Tensor) -> list[tuple[str, ...]]:
    network, table = model.network, []
    module = network.get_submodule(layer)
    for name, package, maps, remark in SHARED:
        seen = Louder(model) if "1000" in name else model
        logits, mine = ours(name, seen, network, layer, images)
        other = maps(seen, module, images)
        if "sign" in remark:  # each map either way round
            agree = torch.minimum(_each(mine, other), _each(mine, -other)).amax()
            difference = float(agree)
        elif name == "ablationcam":
            difference = apart(mine, other * logits.sign()[..., None, None])
        else:
            difference = apart(mine, other)
        verdict = "equal" if difference <= TOLERANCE else "explained" if remark else "DIFFERENT"
        table.append((name, package, f"{difference:.1e}", verdict, remark))
        print(*table[-1][:4], sep="  ", flush=True)
    return table


def _each(one: Tensor, other: Tensor) -> Tensor:
    return (shape(one) - shape(other)).abs().amax(dim=(-2, -1))


def pictures(folder: Path, side: int) -> Tensor:
    """Photographs, scaled and cropped to squares, (B, 3, side, side)."""
    found = []
    for path in sorted(folder.glob("*.jpg")):
        image = Image.open(path).convert("RGB")
        scale = side / min(image.size)
        image = image.resize((round(image.width * scale), round(image.height * scale)), Image.Resampling.BILINEAR)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        square = image.crop((left, top, left + side, top + side))
        pixels = torch.frombuffer(bytearray(square.tobytes()), dtype=torch.uint8)
        found.append(pixels.view(side, side, 3).permute(2, 0, 1).float() / 255)
    return torch.stack(found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--pictures", type=Path, required=True)
    parser.add_argument("--layer", default="features.11")
    parser.add_argument("--write", type=Path, help="page whose table is replaced")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    model = load_classifier(options.weights, architectures=ARCHITECTURES).requires_grad_(True)
    images = pictures(options.pictures, 224)
    table = rows(model, options.layer, images)
    lines = ["| ours | package | largest difference | verdict | what differs |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in table]
    if options.write:
        before, _, _ = options.write.read_text(encoding="utf-8").partition(MARK)
        said = f"{options.weights.stem}, `{options.layer}`, {len(images)} pictures, both classes:"
        options.write.write_text(f"{before}{MARK}\n\n{said}\n\n" + "\n".join(lines) + "\n", encoding="utf-8")
    sys.exit(any(row[3] == "DIFFERENT" for row in table))


if __name__ == "__main__":
    main()
