"""From whatever a network returns to its outputs (B, N)."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from weights.errors import WeightsError

SHOWN = 6  # parts in a message


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Which outputs are looked for.

    Attributes:
        outputs: N, how many.
        or_more: whether there may be more of them, as groups leave some out.
        part: name or index of the part that holds them, of those the network returns; None: found by its shape.
    """

    outputs: int
    or_more: bool = False
    part: str | None = None

    def __str__(self) -> str:
        return f"(B, N) with N of at least {self.outputs}" if self.or_more else f"(B, {self.outputs})"

    def fits(self, outputs: int) -> bool:
        """Whether these are as many; tells the outputs from features beside them."""
        return outputs >= self.outputs if self.or_more else outputs == self.outputs


def taken(output: object, count: int, wanted: Wanted) -> Tensor:
    """The outputs (B, N) of what a network returned for B images; N >= 1, whatever is expected.

    A tensor (B, N) is returned as it is. (B, N, 1, 1) loses its last two dimensions, and (B,) is (B, 1). In a tuple,
    dict or dataclass the named part counts, else the tensor named `logits`, else the only one of such a shape, else
    the only one with as many outputs as are expected.

    Args:
        output: of the network.
        count: B.
        wanted: what is looked for.

    Raises:
        WeightsError: no tensor of such a shape, or several.
    """
    if not isinstance(output, Tensor):
        return _unpacked(output, count, wanted)
    if wanted.part is not None:
        raise WeightsError(
            f"the network returns one tensor {_shape(output)}, without a part '{wanted.part}'; leave out --output"
        )
    matrix = _matrix(output, count)
    if matrix is None:
        raise WeightsError(
            f"the network returns {_shape(output)} for {count} images, expected {wanted}; "
            f"let forward() return the logits alone, {wanted}"
        )
    return matrix


def pair(output: Tensor) -> Tensor:
    """(-z/2, z/2) of one output z, (B, 1) to (B, 2): sigmoid(z) is the second class's probability by softmax."""
    return torch.cat([-output / 2, output / 2], dim=1)


def unpacking(output: object, outputs: Tensor, wanted: Wanted) -> str | None:
    """What is done to this output, of which `outputs` were taken, that nobody asked for; None where nothing."""
    said = []
    if not isinstance(output, Tensor) and wanted.part is None:
        said.append(f"the logits are taken out of the {type(output).__name__} that the network returns")
    if outputs.shape[1] == 1:
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


def _unpacked(output: object, count: int, wanted: Wanted) -> Tensor:
    parts = _parts(output)
    if wanted.part is not None:
        return _part(output, parts, count, wanted)
    found = {
        name: m for name, part in parts.items() if isinstance(part, Tensor) and (m := _matrix(part, count)) is not None
    }
    if "logits" in found:
        return found["logits"]
    if len(found) > 1:  # features beside logits have other widths
        found = {name: matrix for name, matrix in found.items() if wanted.fits(matrix.shape[1])}
    if len(found) != 1:
        remedy = f"let forward() return the logits alone, {wanted}, or name their part with --output"
        raise WeightsError(f"the network returns {_described(output, parts)}, expected logits {wanted}; {remedy}")
    return next(iter(found.values()))


def _part(output: object, parts: Mapping[str, Any], count: int, wanted: Wanted) -> Tensor:
    """The named part; its index will do where parts have names."""
    name = str(wanted.part)
    values = list(parts.values())
    found = parts.get(name, values[int(name)] if name.isdecimal() and int(name) < len(values) else None)
    matrix = _matrix(found, count) if isinstance(found, Tensor) else None
    if matrix is None:
        missing = f"without a part '{name}'" if found is None else f"and part '{name}' is no matrix {wanted}"
        names = ", ".join(list(parts)[:SHOWN]) or "none"
        raise WeightsError(
            f"the network returns {_described(output, parts)}, {missing}; name one of its parts with --output: {names}"
        )
    return matrix


def _described(output: object, parts: Mapping[str, Any]) -> str:
    shown = ", ".join(f"{name}: {_shape(part)}" for name, part in list(parts.items())[:SHOWN])
    return f"a {type(output).__name__} ({shown})"


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
