"""Options of a training; imports nothing heavy, so that --help answers at once."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import ConfigError
from bench.options import (
    BATCH,
    PIXELS,
    SEEDS,
    WORKERS,
    as_integer,
    as_names,
    as_number,
    as_path,
    as_share,
    as_text,
    one_of,
    option,
    or_auto,
)


def as_rate(value: Any) -> float:
    """A learning rate."""
    return as_number(value, high=10)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """What one training does; flags and TOML keys as for a run."""

    dataset: str = option(as_text, "data set adapter, or package.module:function", "NAME")
    data_root: Path | None = option(as_path, "folder (or file) the adapter reads", "DIR", default=None)
    split: str | None = option(as_text, "part to train on", "NAME", default=None)
    val_split: str | None = option(as_text, "part to test on (default: a tenth of --split)", "NAME", default=None)
    limit: int | None = option(as_integer(1), "train on N images", "N", default=None)
    classes: tuple[str, ...] | None = option(
        as_names, "classes, in the order of the outputs to be (default: cat,dog)", "a,b,c", default=None
    )
    arch: str | None = option(
        as_text,
        "architecture, or package.module:name of one (default: that of --weights, or alexnet_narrow); with --weights "
        "what both have by name and shape is kept, such as the trunk under another head",
        "NAME",
        default=None,
    )
    weights: Path | None = option(as_path, "checkpoint to start from", "FILE|NAME", default=None)
    resize: int | None = option(
        as_integer(1, PIXELS), "shorter side after resizing, pixels (default: the checkpoint's, 224)", "N", default=None
    )
    crop: int | None = option(as_integer(1, PIXELS), "side of the centre crop, pixels", "N", default=None)
    interpolation: str | None = option(
        one_of("bilinear", "bicubic"), "of resizing (default: the checkpoint's, bilinear)", "NAME", default=None
    )
    freeze: tuple[str, ...] | None = option(
        as_names,
        "layers that stay as they are, such as features; trunk: all but the last (their outputs are computed once)",
        "a,b",
        default=None,
    )
    epochs: int = option(as_integer(1, 100_000), "passes over the images", "N", default=10)
    rate: float = option(as_rate, "learning rate at the start", "X", default=3e-4)
    trunk_rate: float | None = option(
        as_rate, "learning rate of all but the last layer (default: --rate)", "X", default=None
    )
    smoothing: float = option(
        as_share, "of labels: above 0 it pins margins, and maps say less of what was used", "X", default=0.0
    )
    dropout: float | None = option(
        as_share, "units dropped while training (default: the architecture's)", "X", default=None
    )
    batch_size: int = option(as_integer(1, BATCH), "images per step", "N", default=32)
    device: str = option(as_text, "auto, cpu, cuda or cuda:N", "NAME", default="auto")
    seed: int = option(as_integer(0, SEEDS), "of weights, order, augmentation and dropout", "N", default=0)
    workers: int | None = option(
        or_auto(as_integer(0, WORKERS)), "processes that decode images", "N|auto", default=None
    )
    out: Path = option(as_path, "checkpoint to write, .safetensors", "FILE")

    def __post_init__(self) -> None:
        if self.classes is not None and len(self.classes) < 2:
            raise ConfigError(f"classes is '{','.join(self.classes)}', expected two names or more, such as cat,dog")
        if self.freeze is not None and "trunk" in self.freeze and (len(self.freeze) > 1 or self.trunk_rate is not None):
            raise ConfigError("freeze is 'trunk', which is all but the last layer: name no others, and no --trunk-rate")
