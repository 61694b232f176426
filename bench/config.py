"""Options of a run: one table for flags, TOML keys, defaults and help."""

import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from bench.errors import ConfigError
from bench.names import unknown
from bench.options import (
    BATCH,
    PIXELS,
    SEEDS,
    STEPS,
    WORKERS,
    as_flag,
    as_groups,
    as_integer,
    as_names,
    as_number,
    as_numbers,
    as_path,
    as_share,
    as_side_or_sides,
    as_sigmas,
    as_text,
    none_or,
    one_of,
    option,
    or_auto,
)  # fmt: skip

__all__ = [
    "NetworkConfig", "RunConfig", "as_integer", "as_number", "as_path", "as_share", "as_text", "load_config",
    "load_options", "option", "or_auto", "read_toml",
]  # fmt: skip

Options = TypeVar("Options")

SHOWN = 80  # characters of a value that a message repeats
LARGEST = 1 << 20  # bytes of a configuration


@dataclass(frozen=True, kw_only=True)
class NetworkConfig:
    """Which network, and how it is read. Every field is a flag (underscores become dashes) and a TOML key.

    A field without default is required; None means: decided by the checkpoint, the device or the data set.
    """

    weights: Path = option(as_path, "checkpoint: .pth, .pt, .safetensors, or the name of a shipped one", "FILE|NAME")
    arch: str | None = option(as_text, "architecture, or package.module:name of one", "NAME", default=None)
    classes: tuple[str, ...] | None = option(as_names, "classes in the order of the outputs", "a,b", default=None)
    groups: dict[str, Any] | None = option(
        as_groups, "classes of several outputs each: cat=281-285,dog=151-268", "a=M-N,b=M+N", default=None
    )
    output: str | None = option(
        as_text, "name or index of the outputs among what the network returns", "NAME", default=None
    )
    resize: int | None = option(as_integer(1, PIXELS), "shorter side after resizing, pixels", "N", default=None)
    crop: int | tuple[int, int] | None = option(
        as_side_or_sides(PIXELS), "side of the centre crop, pixels, or height x width", "N|HxW", default=None
    )
    interpolation: str | None = option(
        one_of("bilinear", "bicubic"), "of resizing: bilinear, bicubic", "NAME", default=None
    )
    mean: tuple[float, ...] | None = option(
        as_numbers(-1000, 1000),
        "channel means of the normalisation; one for a network that sees grey",
        "r,g,b",
        default=None,
    )
    std: tuple[float, ...] | None = option(as_numbers(1e-6, 1000), "channel deviations", "r,g,b", default=None)
    layers: tuple[str, ...] | None = option(as_names, "layers to tap (default: found)", "a,b", default=None)
    reshape: str = option(
        as_text, "outputs into maps: auto, none, channels_last, tokens, tokens:PREFIX", "NAME", default="auto"
    )
    device: str = option(as_text, "auto, cpu, cuda or cuda:N", "NAME", default="auto")
    dtype: str = option(one_of("float32", "bfloat16", "float16"), "of the network", "NAME", default="float32")

    def __post_init__(self) -> None:
        if self.classes is not None and len(self.classes) < 2:
            raise ConfigError(f"classes is '{','.join(self.classes)}', expected two names or more, such as cat,dog")
        if self.classes is not None and self.groups is not None:
            raise ConfigError("classes and groups both name the classes; give --classes or --groups, not both")


@dataclass(frozen=True, kw_only=True)
class RunConfig(NetworkConfig):
    """What one run does."""

    dataset: str = option(as_text, "data set adapter, or package.module:function", "NAME")
    data_root: Path | None = option(as_path, "folder (or file) the adapter reads", "DIR", default=None)
    split: str | None = option(as_text, "part of the data set, where it has parts", "NAME", default=None)
    limit: int | None = option(as_integer(1), "score N images, alternating between labels", "N", default=None)
    mosaic: int | None = option(
        as_integer(1), "score N mosaics of 2 x 2 of these images instead, two of each of two classes", "N", default=None
    )
    download: bool = option(as_flag, "fetch the data set where it is missing", default=False)
    methods: tuple[str, ...] = option(
        as_names,
        "map methods, or the words all or fast (no passes of their own)",
        "a,b",
        default=("gradcam", "layercam"),
    )
    maps: Path | None = option(
        as_path, "maps made elsewhere: arrays (N, K, h, w) by name, and image_ids", "FILE.npz", default=None
    )
    controls: str = option(
        one_of("none", "cheap", "sampled", "all"),
        "control maps: none; cheap, without curves; sampled, with curves at the first layer on half of the images (24 "
        "to 128); all",
        "NAME",
        default="sampled",
    )
    smooth: tuple[float, ...] = option(
        as_sigmas,
        "smooth every method's maps at the first layer, too, by Gaussians of so many cells, and score SRG again",
        "0.5,1,2",
        default=(),
    )
    substrates: tuple[str, ...] = option(
        none_or(as_names),
        "score SRG at the first layer under more substrates than RISE's blur, too: mean, gaussian, noise, shuffle, "
        "linear (imputed from neighbours), or all",
        "a,b",
        default=(),
    )
    metrics: tuple[str, ...] | None = option(
        as_names,
        "metrics, or the word all (default: all that apply and need no passes of their own)",
        "a,b",
        default=None,
    )
    protocols: tuple[str, ...] = option(
        as_names, "perturbation presets, or none", "rise,srg|none", default=("rise", "srg")
    )
    steps: int = option(as_integer(2, STEPS), "steps of a deletion or insertion curve, even", "N", default=32)
    targets: tuple[str, ...] = option(
        as_names,
        "roles that get curves: right, wrong; on images of several classes each gets them",
        "a,b",
        default=("right",),
    )
    batch_size: int | None = option(or_auto(as_integer(1, BATCH)), "images per forward pass", "N|auto", default=None)
    seed: int = option(as_integer(0, SEEDS), "of the tie rule and the intervals", "N", default=0)
    workers: int | None = option(
        or_auto(as_integer(0, WORKERS)), "processes that decode images", "N|auto", default=None
    )
    out: Path = option(as_path, "folder of this run", "DIR")
    resume: bool = option(as_flag, "continue the run in --out, keeping finished shards", default=False)
    no_report: bool = option(as_flag, "score only; cambench report draws tables, figures and page later", default=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.steps % 2:
            raise ConfigError(f"steps is {self.steps}, expected an even number: the error estimate halves the grid")
        for target in self.targets:
            if target not in ("right", "wrong"):
                raise ConfigError(unknown("target", target, ("right", "wrong")))

    def as_json(self) -> dict[str, Any]:
        """The options as plain values, for the manifest."""
        from datasets.text import printable  # late: it loads torch, and --help asks for names alone

        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {
            k: printable(v) if isinstance(v, Path) else list(v) if isinstance(v, tuple) else v
            for k, v in values.items()
        }


def load_config(toml: Path | None, flags: Mapping[str, Any]) -> RunConfig:
    """The options of a run (see `load_options`)."""
    return load_options(RunConfig, toml, flags)


def load_options(kind: type[Options], toml: Path | None, flags: Mapping[str, Any]) -> Options:
    """Options from a TOML file, overridden by flags.

    Args:
        kind: a dataclass whose fields were made by `option`.
        toml: file with one key per option, or None.
        flags: option name to value, only those given.

    Raises:
        ConfigError: unreadable file, unknown key (with the closest one), unusable value, required option missing.
    """
    given = {**(read_toml(toml, "config file") if toml else {}), **flags}
    options = {f.name: f for f in fields(kind)}  # type: ignore[arg-type]
    values = {}
    for key, value in given.items():
        if key not in options:
            raise ConfigError(unknown(f"key in {toml}:", key[:SHOWN], options))
        try:
            values[key] = options[key].metadata["parse"](value)
        except ValueError as error:
            raise ConfigError(f"{key.replace('_', '-')} is {_shown(value)}, {error}") from error
    required = [name for name, f in options.items() if f.default is MISSING and name not in values]
    if required:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in required)
        raise ConfigError(f"missing: {names}; give each as a flag or as a key of --config FILE.toml")
    return kind(**values)


def _shown(value: Any) -> str:
    """A value as a message repeats it."""
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}..."


def read_toml(path: Path, kind: str) -> dict[str, Any]:
    """The keys of a TOML file; dashes in them become underscores.

    Args:
        path: of the file.
        kind: what the file is to the user, such as config file.

    Raises:
        ConfigError: it cannot be read, or is not TOML.
    """
    try:
        if path.exists() and not path.is_file():
            raise ConfigError(f"{kind} '{path}' cannot be read: it is no regular file; give the path of a TOML file")
        with path.open("rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            raise ConfigError(f"{kind} '{path}' is larger than {LARGEST >> 20} MB, expected a few lines of TOML")
        content = tomllib.loads(data.decode("utf-8-sig").replace("\r\n", "\n"))
    except OSError as error:
        raise ConfigError(f"{kind} '{path}' cannot be read: {error.strerror}") from error
    except RecursionError as error:
        raise ConfigError(f"{kind} '{path}' is nested too deeply, expected one key per line") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{kind} '{path}' is not TOML: {error}") from error
    return {key.replace("-", "_"): value for key, value in content.items()}
