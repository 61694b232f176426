"""`cambench lab`: what a lab report shows of a few pictures, from one run."""

import csv
import io
import shutil
from dataclasses import replace
from pathlib import Path

import safetensors.torch
from torch import nn

from bench.config import RunConfig
from bench.errors import ConfigError
from bench.run.pipeline import run
from bench.run.plan import Plan, make_plan
from bench.serialise import canonical
from datasets import load_batches
from datasets.files import BOX_COLUMNS, BOX_FILE, read_rows
from reports.files import write_atomic
from reports.pages.lab import CHANNELS, render_lab


def lab(
    images: list[Path],
    weights: Path,
    out: Path,
    layers: tuple[str, ...] | None,
    device: str,
    *,
    arch: str | None = None,
    classes: tuple[str, ...] | None = None,
) -> Path:
    """Scores the pictures at two layers, keeps the channels of the first, and writes figures and lab.html.

    Args:
        images: pictures whose names say the class, as in my_cat.jpg; a boxes.csv beside them gives their boxes.
        weights: checkpoint.
        out: new folder.
        layers: to tap; None is the default layer and the pooling layer after it.
        device: auto, cpu, cuda or cuda:N.
        arch: architecture, where the checkpoint does not say it.
        classes: names of the network's outputs in their order, likewise.

    Returns:
        lab.html.

    Raises:
        ConfigError, DatasetError, WeightsError, LayerError: input that cannot be used.
    """
    if out.exists() and any(out.iterdir()):
        raise ConfigError(f"out folder '{out}' is not empty; choose another --out")
    pictures = out / "pictures"
    _copy(images, pictures)
    config = RunConfig(
        dataset="files",
        data_root=pictures,
        weights=weights,
        arch=arch,
        classes=classes,
        layers=layers,
        device=device,
        protocols=("none",),
        out=out / "run",
    )
    plan = make_plan(config)
    run(config if layers else replace(config, layers=default_layers(plan)))
    _keep_channels(plan, out)
    return render_lab(out)


def default_layers(plan: Plan) -> tuple[str, ...]:
    """The layer that is tapped unless another is named, and the pooling layer right after it, if there is one."""
    layer = next(iter(plan.job.layers))
    modules = list(plan.classifier.network.named_modules())
    place = [name for name, _ in modules].index(layer)
    following = modules[place + 1 : place + 2]
    return (layer, *(name for name, module in following if isinstance(module, nn.MaxPool2d | nn.AvgPool2d)))


def _copy(images: list[Path], folder: Path) -> None:
    """The pictures, and the lines of the boxes.csv beside each that concern it."""
    names = [path.name for path in images]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigError(f"two pictures are named '{twice}'; rename one")
    missing = next((path for path in images if not path.is_file()), None)
    if missing is not None:
        raise ConfigError(f"picture '{missing}' not found; give the paths of image files")
    folder.mkdir(parents=True)
    boxes: list[dict[str, str]] = []
    for path in images:
        shutil.copyfile(path, folder / path.name)
        boxes += [row for row in read_rows(path.with_name(BOX_FILE)) if row["image"] == path.name]
    if boxes:
        text = io.StringIO()
        table = csv.DictWriter(text, BOX_COLUMNS, extrasaction="ignore")
        table.writeheader()
        table.writerows(boxes)
        write_atomic(folder / BOX_FILE, text.getvalue().encode())


def _keep_channels(plan: Plan, out: Path) -> None:
    """The activations of the first layer, (C, h, w) per picture."""
    preprocess, records = plan.classifier.checkpoint.preprocess, plan.dataset.records
    batches = load_batches(
        records,
        [[place] for place in range(len(records))],
        resize=preprocess.resize,
        crop=preprocess.size,
        interpolation=preprocess.interpolation,
        classes=plan.classifier.classes,
    )
    kept = {}
    for batch in batches:  # read in this process: there are no others to end
        if batch.ids:
            images = batch.images.to(plan.job.device).float() / 255
            tapped = plan.job.network.tap(images, tuple(plan.job.layers)[:1])
            kept[batch.ids[0]] = next(iter(tapped.activations.values()))[0].cpu().contiguous()
    write_atomic(out / CHANNELS, canonical(safetensors.torch.save(kept)))
