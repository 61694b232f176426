"""What a checkpoint says about itself: a TOML file beside it, or safetensors metadata."""

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from weights.classes import CLASS_KEYS, order_of
from weights.errors import WeightsError, printable, unknown
from weights.groups import Groups, as_groups
from weights.preprocess import Preprocess

TEXTS = ("arch", "output")
TABLES = (*CLASS_KEYS, "groups", "preprocess")
KEYS = (*TEXTS, *CLASS_KEYS, "groups", "sha256", "dtype", "preprocess", "training", "license", "name", "description")
LONGEST = 2**20  # bytes of a TOML file
PREPROCESS_KEYS = tuple(field.name for field in fields(Preprocess))


@dataclass(frozen=True)
class Description:
    """Settings of a checkpoint; None is not said.

    Attributes:
        arch: name of the architecture.
        classes: in the order of the logits, cat for cats and the like.
        groups: the outputs of each class.
        output: name or index of the part of what the network returns that holds its outputs.
        sha256: of the checkpoint file.
        preprocess: the settings of `Preprocess` that are said.
    """

    arch: str | None = None
    classes: tuple[str, ...] | None = None
    groups: Groups | None = None
    output: str | None = None
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
    shown = printable(path)
    try:
        if path.stat().st_size > LONGEST:
            raise WeightsError(f"'{shown}' beside the checkpoint is longer than {LONGEST} bytes; is it another file?")
        content = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except WeightsError:
        raise
    except (OSError, ValueError, RecursionError) as error:  # TOML, UTF-8, a number of 5,000 digits, lists in lists
        raise WeightsError(f"'{shown}' beside the checkpoint is not readable TOML: {str(error)[:200]}") from error
    return _description(content, shown)


def metadata_description(metadata: Mapping[str, Any], path: Path) -> Description:
    """The same from what a checkpoint says itself; texts other than `TEXTS` are JSON, as safetensors metadata are."""
    content: dict[str, Any] = {key: metadata[key] for key in TEXTS if key in metadata}
    shown = printable(path)
    for key in TABLES:
        if key in metadata:
            value = metadata[key]
            try:
                content[key] = json.loads(value) if isinstance(value, str) else value
            except (ValueError, RecursionError) as error:
                raise WeightsError(f"metadata '{key}' of '{shown}' is {value[:100]!r}, expected JSON") from error
    return _description(content, f"metadata of {shown}")


def _description(content: Mapping[str, Any], where: str) -> Description:
    if type(content.get("output")) is int:  # an index
        content = {**content, "output": str(content["output"])}
    _check_keys(content, KEYS, where)
    preprocess = content.get("preprocess", {})
    if not isinstance(preprocess, dict):
        raise WeightsError(f"preprocess in '{where}' is {ascii(preprocess)[:100]}, expected a table")
    _check_keys(preprocess, PREPROCESS_KEYS, f"{where} [preprocess]")
    for key in (*TEXTS, "sha256"):
        if not isinstance(content.get(key, ""), str):
            raise WeightsError(f"{key} in '{where}' is {content[key]!r}, expected a text")
    return Description(
        arch=content.get("arch"),
        classes=_classes(content, where),
        groups=as_groups(content["groups"], f"'{where}'") if "groups" in content else None,
        output=content.get("output"),
        sha256=content.get("sha256"),
        preprocess={k: tuple(v) if isinstance(v, list) else v for k, v in preprocess.items()} or None,
    )


def _classes(content: Mapping[str, Any], where: str) -> tuple[str, ...] | None:
    """The order of the classes by whatever key says it."""
    said = {key: order_of(key, content[key], where) for key in CLASS_KEYS if key in content}
    orders = {order for order in said.values() if order is not None}
    if len(orders) > 1:
        raise WeightsError(f"{' and '.join(said)} in '{where}' contradict each other about the classes; correct one")
    return orders.pop() if orders else None


def _check_keys(content: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in content:
        if key not in known:
            raise WeightsError(f"'{where}': {unknown('key', key, known)}")
