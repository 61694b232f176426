"""From whatever a network returns to logits (B, K)."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from weights.errors import WeightsError

REMEDY = "let forward() return the logits alone, (B, 2)"


def as_logits(output: object, count: int) -> Tensor:
    """Logits (B, K) of what a network returned for B images.

    A tensor (B, K) is returned as it is. (B, K, 1, 1) loses its last two dimensions. One output z per image, (B, 1)
    or (B,), becomes (-z/2, z/2): its sigmoid is the probability of the second class, and so is the softmax's. In a
    tuple, dict or dataclass the tensor named `logits` counts, else the only one of such a shape.

    Args:
        output: of the network.
        count: B.

    Raises:
        WeightsError: no tensor of such a shape, or several.
    """
    logits = taken(output, count)
    return torch.cat([-logits / 2, logits / 2], dim=1) if logits.shape[1] == 1 else logits


def taken(output: object, count: int) -> Tensor:
    """The network's own outputs, (B, K), K >= 1; as in `as_logits`, one output stays one."""
    if not isinstance(output, Tensor):
        return _unpacked(output, count)
    matrix = _matrix(output, count)
    if matrix is None:
        raise WeightsError(f"the network returns {_shape(output)} for {count} images, expected (B, 2); {REMEDY}")
    return matrix


def unpacking(output: object, count: int) -> str | None:
    """What `as_logits` does to this output beyond taking it; None where nothing."""
    said = []
    if not isinstance(output, Tensor):
        said.append(f"the logits are taken out of the {type(output).__name__} that the network returns")
    if taken(output, count).shape[1] == 1:
        said.append("the network's one output z is read as (-z/2, z/2): a sigmoid's logit, large for the second class")
    return "; ".join(said) or None


def _matrix(output: Tensor, count: int) -> Tensor | None:
    """(B, K), where the shape leaves no doubt."""
    if not output.is_floating_point():
        return None
    if output.dim() == 4 and tuple(output.shape[2:]) == (1, 1):
        output = output.flatten(1)
    if output.dim() == 1 and len(output) == count:
        output = output[:, None]
    elif output.dim() < 2 and count == 1:  # squeezed
        output = output.reshape(1, -1)
    return output if output.dim() == 2 and len(output) == count and output.shape[1] else None


def _unpacked(output: object, count: int) -> Tensor:
    parts = _parts(output)
    found = {
        name: m for name, part in parts.items() if isinstance(part, Tensor) and (m := _matrix(part, count)) is not None
    }
    if "logits" in found:
        return found["logits"]
    if len(found) > 1:  # features beside logits have other widths
        found = {name: matrix for name, matrix in found.items() if matrix.shape[1] == 2}
    if len(found) != 1:
        shown = ", ".join(f"{name}: {_shape(part)}" for name, part in list(parts.items())[:6])
        raise WeightsError(f"the network returns a {type(output).__name__} ({shown}), expected logits (B, 2); {REMEDY}")
    return next(iter(found.values()))


def _parts(output: object) -> dict[str, Any]:
    if isinstance(output, Mapping):
        return {str(name): part for name, part in output.items()}
    if isinstance(output, tuple) and hasattr(output, "_fields"):
        return dict(zip(output._fields, output, strict=True))
    if isinstance(output, tuple | list):
        return {str(i): part for i, part in enumerate(output)}
    if dataclasses.is_dataclass(output) and not isinstance(output, type):
        return {field.name: getattr(output, field.name) for field in dataclasses.fields(output)}
    return {}


def _shape(part: object) -> str:
    if not isinstance(part, Tensor):
        return type(part).__name__
    return str(tuple(part.shape)) + ("" if part.is_floating_point() else f" of {part.dtype}")
