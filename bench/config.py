"""Options of a run: one table for flags, TOML keys, defaults and help."""

import math
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from bench.errors import ConfigError
from bench.names import unknown

Options = TypeVar("Options")


def as_text(value: Any) -> str:
    """A text that is not empty."""
    if not isinstance(value, str) or not value:
        raise ValueError("expected a text")
    return value


def as_path(value: Any) -> Path:
    """A path; ~ is the home folder."""
    return Path(as_text(value)).expanduser()


def as_integer(low: int) -> Callable[[Any], int]:
    """A whole number of at least `low`."""

    def parse(value: Any) -> int:
        try:
            number = int(value)
        except (TypeError, ValueError):
            number = low - 1
        if isinstance(value, bool | float) or number < low:
            raise ValueError(f"expected a whole number of at least {low}")
        return number

    return parse


def or_auto(parse: Callable[[Any], int]) -> Callable[[Any], int | None]:
    """What `parse` takes, or auto for None."""

    def parse_or_auto(value: Any) -> int | None:
        try:
            return None if value == "auto" else parse(value)
        except ValueError as error:
            raise ValueError(f"{error}, or auto") from error

    return parse_or_auto


def as_names(value: Any) -> tuple[str, ...]:
    """Names, each once."""
    parts = value.split(",") if isinstance(value, str) else value
    if not isinstance(parts, list) or not all(isinstance(part, str) and part.strip() for part in parts):
        raise ValueError("expected names separated by commas")
    names = tuple(part.strip() for part in parts)
    if len(set(names)) < len(names):
        raise ValueError("expected each name once")
    return names


def as_number(value: Any) -> float:
    """A number above 0."""
    number = _float(value)
    if not 0 < number < float("inf"):
        raise ValueError("expected a number above 0")
    return number


def as_share(value: Any) -> float:
    """A number from 0 up to, not including, 1."""
    number = _float(value)
    if not 0 <= number < 1:
        raise ValueError("expected a number from 0, below 1")
    return number


def as_numbers(value: Any) -> tuple[float, ...]:
    """Numbers separated by commas."""
    parts = value.split(",") if isinstance(value, str) else value
    try:
        return tuple(float(part) for part in parts)
    except (TypeError, ValueError) as error:
        raise ValueError("expected numbers separated by commas") from error


def one_of(*choices: str) -> Callable[[Any], str]:
    """One of the choices."""

    def parse(value: Any) -> str:
        if value not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return str(value)

    return parse


def as_flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise ValueError("expected true or false")
    return value


def option(parse: Callable[[Any], Any], text: str, metavar: str = "", **default: Any) -> Any:
    """A field that is a flag and a TOML key; `parse` raises ValueError with what was expected."""
    return field(metadata={"parse": parse, "help": text, "metavar": metavar}, **default)


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """What one run does. Every field is a flag (underscores become dashes) and a TOML key.

    A field without default is required; None means: decided by the checkpoint, the device or the data set.
    """

    dataset: str = option(as_text, "data set adapter, or package.module:function", "NAME")
    data_root: Path | None = option(as_path, "folder (or file) the adapter reads", "DIR", default=None)
    split: str | None = option(as_text, "part of the data set, where it has parts", "NAME", default=None)
    limit: int | None = option(as_integer(1), "score N images, alternating between labels", "N", default=None)
    download: bool = option(as_flag, "fetch the data set where it is missing", default=False)
    weights: Path = option(as_path, "checkpoint: .pth, .pt, .safetensors, or the name of a shipped one", "FILE|NAME")
    arch: str | None = option(as_text, "architecture, or package.module:name of one", "NAME", default=None)
    classes: tuple[str, ...] | None = option(as_names, "classes in the order of the logits", "a,b", default=None)
    resize: int | None = option(as_integer(1), "shorter side after resizing, pixels", "N", default=None)
    crop: int | None = option(as_integer(1), "side of the centre crop, pixels", "N", default=None)
    mean: tuple[float, ...] | None = option(as_numbers, "channel means of the normalisation", "r,g,b", default=None)
    std: tuple[float, ...] | None = option(as_numbers, "channel deviations", "r,g,b", default=None)
    layers: tuple[str, ...] | None = option(as_names, "layers to tap (default: the last ReLU)", "a,b", default=None)
    methods: tuple[str, ...] = option(as_names, "map methods", "a,b", default=("gradcam", "layercam"))
    controls: str = option(
        one_of("none", "cheap", "all"),
        "control maps: none, cheap (no forward passes for them), all",
        "NAME",
        default="cheap",
    )
    metrics: tuple[str, ...] | None = option(as_names, "metrics (default: all that apply)", "a,b", default=None)
    protocols: tuple[str, ...] = option(
        as_names, "perturbation presets, or none", "rise,srg|none", default=("rise", "srg")
    )
    steps: int = option(as_integer(2), "steps of a deletion or insertion curve, even", "N", default=32)
    targets: tuple[str, ...] = option(
        as_names,
        "roles that get curves: right, wrong; both classes on two-animal images",
        "a,b",
        default=("right",),
    )
    batch_size: int | None = option(or_auto(as_integer(1)), "images per forward pass", "N|auto", default=None)
    device: str = option(as_text, "auto, cpu, cuda or cuda:N", "NAME", default="auto")
    dtype: str = option(one_of("float32", "bfloat16", "float16"), "of the network", "NAME", default="float32")
    seed: int = option(as_integer(0), "of the tie rule and the intervals", "N", default=0)
    workers: int | None = option(or_auto(as_integer(0)), "processes that decode images", "N|auto", default=None)
    out: Path = option(as_path, "folder of this run", "DIR")
    resume: bool = option(as_flag, "continue the run in --out, keeping finished shards", default=False)

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
            raise ConfigError(unknown(f"key in {toml}:", key, options))
        try:
            values[key] = options[key].metadata["parse"](value)
        except ValueError as error:
            raise ConfigError(f"{key.replace('_', '-')} is {value!r}, {error}") from error
    required = [name for name, f in options.items() if f.default is MISSING and name not in values]
    if required:
        names = ", ".join(f"--{name.replace('_', '-')}" for name in required)
        raise ConfigError(f"missing: {names}; give each as a flag or as a key of --config FILE.toml")
    return kind(**values)


def _float(value: Any) -> float:
    """NaN for what is no number."""
    try:
        return math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError):
        return math.nan


def read_toml(path: Path, kind: str) -> dict[str, Any]:
    """The keys of a TOML file; dashes in them become underscores.

    Args:
        path: of the file.
        kind: what the file is to the user, such as config file.

    Raises:
        ConfigError: it cannot be read, or is not TOML.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{kind} '{path}' cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{kind} '{path}' is not TOML: {error}") from error
    return {key.replace("-", "_"): value for key, value in content.items()}
