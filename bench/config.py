"""Options of a run: one table for flags, TOML keys, defaults and help."""

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from bench.errors import ConfigError
from bench.names import unknown


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError("expected a text")
    return value


def _path(value: Any) -> Path:
    return Path(_text(value)).expanduser()


def _integer(low: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        try:
            number = int(value)
        except (TypeError, ValueError):
            number = low - 1
        if isinstance(value, bool | float) or number < low:
            raise ValueError(f"expected a whole number of at least {low}")
        return number

    return parse


def _auto(parse: Callable[[Any], int]) -> Callable[[Any], int | None]:
    def parse_or_auto(value: Any) -> int | None:
        try:
            return None if value == "auto" else parse(value)
        except ValueError as error:
            raise ValueError(f"{error}, or auto") from error

    return parse_or_auto


def _names(value: Any) -> tuple[str, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) and part.strip() for part in parts):
        raise ValueError("expected names separated by commas")
    names = tuple(part.strip() for part in parts)
    if len(set(names)) < len(names):
        raise ValueError("expected each name once")
    return names


def _numbers(value: Any) -> tuple[float, ...]:
    parts = value.split(",") if isinstance(value, str) else value
    try:
        return tuple(float(part) for part in parts)
    except (TypeError, ValueError) as error:
        raise ValueError("expected numbers separated by commas") from error


def _choice(*choices: str) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return str(value)

    return parse


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("expected true or false")
    return value


def _option(parse: Callable[[Any], Any], text: str, metavar: str = "", **default: Any) -> Any:
    return field(metadata={"parse": parse, "help": text, "metavar": metavar}, **default)


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What one run does. Every field is a flag (underscores become dashes) and a TOML key.

    A field without default is required; None means: decided by the checkpoint, the device or the data set.
    """

    dataset: str = _option(_text, "data set adapter, or package.module:function", "NAME")
    data_root: Path | None = _option(_path, "folder (or file) the adapter reads", "DIR", default=None)
    split: str | None = _option(_text, "part of the data set, where it has parts", "NAME", default=None)
    limit: int | None = _option(_integer(1), "score N images, alternating between labels", "N", default=None)
    download: bool = _option(_flag, "fetch the data set where it is missing", default=False)
    weights: Path = _option(_path, "checkpoint: .pth, .pt, .safetensors, or the name of a shipped one", "FILE|NAME")
    arch: str | None = _option(_text, "architecture, or package.module:function", "NAME", default=None)
    classes: tuple[str, ...] | None = _option(_names, "classes in the order of the logits", "a,b", default=None)
    resize: int | None = _option(_integer(1), "shorter side after resizing, pixels", "N", default=None)
    crop: int | None = _option(_integer(1), "side of the centre crop, pixels", "N", default=None)
    mean: tuple[float, ...] | None = _option(_numbers, "channel means of the normalisation", "r,g,b", default=None)
    std: tuple[float, ...] | None = _option(_numbers, "channel deviations", "r,g,b", default=None)
    layers: tuple[str, ...] | None = _option(_names, "layers to tap (default: the last ReLU)", "a,b", default=None)
    methods: tuple[str, ...] = _option(_names, "map methods", "a,b", default=("gradcam", "layercam"))
    metrics: tuple[str, ...] | None = _option(_names, "metrics (default: all that apply)", "a,b", default=None)
    protocols: tuple[str, ...] = _option(
        _names, "perturbation presets, or none", "rise,srg|none", default=("rise", "srg")
    )
    steps: int = _option(_integer(2), "steps of a deletion or insertion curve, even", "N", default=32)
    targets: tuple[str, ...] = _option(
        _names,
        "roles that get curves: right, wrong; both classes on two-animal images",
        "a,b",
        default=("right",),
    )
    batch_size: int | None = _option(_auto(_integer(1)), "images per forward pass", "N|auto", default=None)
    device: str = _option(_text, "auto, cpu, cuda or cuda:N", "NAME", default="auto")
    dtype: str = _option(_choice("float32", "bfloat16", "float16"), "of the network", "NAME", default="float32")
    seed: int = _option(_integer(0), "of the tie rule and the intervals", "N", default=0)
    workers: int | None = _option(_auto(_integer(0)), "processes that decode images", "N|auto", default=None)
    out: Path = _option(_path, "folder of this run", "DIR")
    resume: bool = _option(_flag, "continue the run in --out, keeping finished shards", default=False)

    def __post_init__(self) -> None:
        if self.steps % 2:
            raise ConfigError(f"steps is {self.steps}, expected an even number: the error estimate halves the grid")
        for target in self.targets:
            if target not in ("right", "wrong"):
                raise ConfigError(unknown("target", target, ("right", "wrong")))
        if self.classes is not None and len(self.classes) != 2:
            raise ConfigError(f"classes is '{','.join(self.classes)}', expected two names, such as cat,dog")

    def as_json(self) -> dict[str, Any]:
        """The options as plain values, for the manifest."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return {k: str(v) if isinstance(v, Path) else list(v) if isinstance(v, tuple) else v for k, v in values.items()}


def load_config(toml: Path | None, flags: Mapping[str, Any]) -> RunConfig:
    """Options from a TOML file, overridden by flags.

    Args:
        toml: file with one key per option, or None.
        flags: option name to value, only those given.

    Raises:
        ConfigError: unreadable file, unknown key (with the closest one), unusable value, required option missing.
    """
    given = {**(_read_toml(toml) if toml else {}), **flags}
    options = {f.name: f for f in fields(RunConfig)}
    values = {}
    for key, value in given.items():
        if key not in options:
            raise ConfigError(unknown(f"key in {toml}:", key, options))
        try:
            values[key] = options[key].metadata["parse"](value)
        except ValueError as error:
            raise ConfigError(f"{key.replace('_', '-')} is {value!r}, {error}") from error
    required = [name for name in ("dataset", "weights", "out") if name not in values]
    if required:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in required)
        raise ConfigError(f"missing: {names}; give each as a flag or as a key of --config FILE.toml")
    return RunConfig(**values)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"config file '{path}' cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"config file '{path}' is not TOML: {error}") from error
    return {key.replace("-", "_"): value for key, value in content.items()}
