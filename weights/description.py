"""What a checkpoint says about itself: a TOML file beside it, or safetensors metadata."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from weights.classifier import Preprocess
from weights.errors import WeightsError, unknown

KEYS = ("arch", "classes", "sha256", "dtype", "preprocess", "training", "license", "name", "description")
PREPROCESS_KEYS = tuple(field.name for field in fields(Preprocess))


@dataclass(frozen=True)
class Description:
    """Settings of a checkpoint; None is not said.

    Attributes:
        arch: name of the architecture.
        classes: in the order of the logits.
        sha256: of the checkpoint file.
        preprocess: the settings of `Preprocess` that are said.
    """

    arch: str | None = None
    classes: tuple[str, ...] | None = None
    sha256: str | None = None
    preprocess: Mapping[str, Any] | None = None

    def over(self, other: "Description") -> "Description":
        """These settings where they say something, else the other's."""
        said = {f.name: getattr(self, f.name) for f in fields(self) if getattr(self, f.name) is not None}
        said["preprocess"] = {**(other.preprocess or {}), **(self.preprocess or {})} or None
        return replace(other, **said)


def read_description(checkpoint: Path) -> Description:
    """The TOML file of the checkpoint's name beside it; empty where there is none.

    Raises:
        WeightsError: not TOML, an unknown key, or a value of the wrong kind.
    """
    path = checkpoint.with_suffix(".toml")
    if not path.is_file():
        return Description()
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WeightsError(f"'{path}' beside the checkpoint is not readable TOML: {error}") from error
    return _description(content, str(path))


def metadata_description(metadata: Mapping[str, str], path: Path) -> Description:
    """The same from safetensors metadata, whose `classes` and `preprocess` are JSON."""
    content: dict[str, Any] = {key: metadata[key] for key in ("arch",) if key in metadata}
    for key in ("classes", "preprocess"):
        if key in metadata:
            try:
                content[key] = json.loads(metadata[key])
            except ValueError as error:
                raise WeightsError(f"metadata '{key}' of '{path}' is {metadata[key]!r}, expected JSON") from error
    return _description(content, f"metadata of {path}")


def _description(content: Mapping[str, Any], where: str) -> Description:
    _check_keys(content, KEYS, where)
    preprocess = content.get("preprocess", {})
    if not isinstance(preprocess, dict):
        raise WeightsError(f"preprocess in '{where}' is {preprocess!r}, expected a table")
    _check_keys(preprocess, PREPROCESS_KEYS, f"{where} [preprocess]")
    classes = content.get("classes")
    if classes is not None and not (isinstance(classes, list) and all(isinstance(name, str) for name in classes)):
        raise WeightsError(f"classes in '{where}' is {classes!r}, expected a list of names")
    for key in ("arch", "sha256"):
        if not isinstance(content.get(key, ""), str):
            raise WeightsError(f"{key} in '{where}' is {content[key]!r}, expected a text")
    return Description(
        arch=content.get("arch"),
        classes=None if classes is None else tuple(classes),
        sha256=content.get("sha256"),
        preprocess={k: tuple(v) if isinstance(v, list) else v for k, v in preprocess.items()} or None,
    )


def _check_keys(content: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in content:
        if key not in known:
            raise WeightsError(f"'{where}': {unknown('key', key, known)}")
