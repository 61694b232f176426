"""What lies in a checkpoint: the tensors of one network by name, its class order, and what was left out."""

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from weights.archives import Archive, StorageClaim
from weights.classes import CLASS_KEYS
from weights.errors import Refused
from weights.pickles import RESAVE, Made, Named, Stored
from weights.programs import FROZEN, is_scripted, scripted

# Where training scripts keep the network, the first that is there wins.
CONTAINERS = (
    "state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "params", "state_dict_ema",
    "ema_state_dict", "model_ema", "ema",
)  # fmt: skip
SETTINGS = ("hyper_parameters", "hparams", "config", "args", "meta")  # where class names may lie, beside the network
DEPTH, MODULES = 4, 10_000  # containers in containers; modules of a whole model
SHOWN, NAMES = 3, 10_000  # keys in a message; class names that are looked at
DTYPES = {str(dtype): dtype for dtype in vars(torch).values() if isinstance(dtype, torch.dtype)}


@dataclass(frozen=True)
class Content:
    """A checkpoint file, read.

    Attributes:
        tensors: by the names that the file gives them.
        metadata: of a safetensors file; what a training script saved beside the network as `class_to_idx` and the
            like is here too, under the same names, as it was saved.
        notes: what was assumed or left out.
    """

    tensors: dict[str, Tensor]
    metadata: dict[str, Any]
    notes: tuple[str, ...] = ()


def content_of(archive: Archive) -> Content:
    """The tensors of the network in an archive; nothing else of it is read.

    Raises:
        Refused: no tensors by name, tensors of a kind that is not supported, or tensors that are not in the file.
    """
    named, around, notes = _innermost(archive.content)
    left_out = {name: value for name, value in named.items() if not _is_tensor(value)}
    named_well = all(isinstance(name, str) for name in named)
    if not named_well or len(left_out) == len(named) or not all(map(_is_harmless, left_out.values())):
        raise Refused(f"{_no_tensors(named)}; {RESAVE}")
    if left_out:
        more = f" and {len(left_out) - SHOWN} more" if len(left_out) > SHOWN else ""
        notes.append(f"left out, as no tensors: {', '.join(list(left_out)[:SHOWN])}{more}")
    loaded: dict[str, Tensor] = {}
    tensors = {name: _tensor(value, archive, loaded) for name, value in named.items() if name not in left_out}
    metadata = {key: plain(place[key]) for place in around for key in CLASS_KEYS if key in place}
    return Content(tensors, metadata, (*archive.notes, *notes))


def _innermost(content: object) -> tuple[dict[Any, Any], list[dict[Any, Any]], list[str]]:
    """The network's tensors by name, the containers around it from the innermost on, and notes."""
    around: list[dict[Any, Any]] = []
    notes: list[str] = []
    for _ in range(DEPTH):
        if isinstance(content, Made) and _is_module(content):
            return dict(_module_tensors(content)), around, notes
        if isinstance(content, Made) and is_scripted(content):
            named = {name: value for name, value in scripted(content) if _is_tensor(value)}
            if not named:
                raise Refused(FROZEN)
            return named, around, notes
        content = content.items if isinstance(content, Made) and content.items else content
        if not isinstance(content, dict) or not content:
            break
        found = [key for key in CONTAINERS if _holds_tensors(content.get(key))]
        settings = [_attributes(content[key]) for key in SETTINGS if key in content]
        around = [content, *settings, *around]
        if not found:
            return content, around, notes
        if len(found) > 1:
            notes.append(f"the file holds {', '.join(found)}; used: {found[0]}")
        content = content[found[0]]
    raise Refused(f"{_no_tensors(content)}; {RESAVE}")


def _attributes(value: object) -> dict[Any, Any]:
    value = (value.items or value.state) if isinstance(value, Made) else value
    return value if isinstance(value, dict) else {}


def _holds_tensors(value: object) -> bool:
    """Whether it is a network, or holds tensors by name, itself or in a container."""
    value = value.items if isinstance(value, Made) and value.items else value
    if isinstance(value, Made):
        return _is_module(value)
    if not isinstance(value, dict):
        return False
    inner = [each for key in CONTAINERS if isinstance(each := value.get(key), dict)]
    modules = [each for key in CONTAINERS if isinstance(each := value.get(key), Made) and _is_module(each)]
    return bool(modules) or any(_is_tensor(v) for each in (value, *inner) for v in each.values())


def _no_tensors(content: object) -> str:
    """Says what is there instead of tensors by name."""
    if not isinstance(content, dict) or not content:
        return "holds no dense tensors by name"
    odd = [name[:50] for name, value in content.items() if isinstance(name, str) and not _is_tensor(value)]
    kinds = {_kind(value) for value in content.values() if not _is_tensor(value)}
    listed = f"{', '.join(odd[:SHOWN])} ({', '.join(sorted(kinds)[:SHOWN])})" if odd else "a name is no text"
    return f"holds no dense tensors by name, or not only such: {listed}"


def _kind(value: object) -> str:
    if isinstance(value, Made | Named):
        name = value.name.removeprefix("torch._utils._rebuild_").removeprefix("torch._tensor._rebuild_")
        return {"qtensor": "a quantised tensor: dequantise it"}.get(name, name)
    if isinstance(value, dict) and _holds_tensors(value):
        return "a table with tensors in it: save that alone"
    return type(value).__name__


def _is_harmless(value: object) -> bool:
    """Whether it may be left out: a number, a text, a setting; no tensor of another kind, no table of tensors."""
    odd = isinstance(value, Stored) or (isinstance(value, Made) and "._rebuild_" in value.name)
    return not odd and not (isinstance(value, dict) and _holds_tensors(value))


def _is_module(value: Made) -> bool:
    return isinstance(value.state, dict) and isinstance(value.state.get("_parameters"), dict)


def _module_tensors(module: Made) -> Iterator[tuple[str, object]]:
    """Parameters and buffers by name from the plain attributes, which modules of every torch version have."""
    waiting, seen = [("", module)], 0
    while waiting:
        prefix, each = waiting.pop()
        seen += 1
        if seen > MODULES or prefix.count(".") > MODULES.bit_length() * DEPTH:
            raise Refused(f"holds modules in modules without end, which is refused; {RESAVE}")
        state = each.state
        fleeting = state.get("_non_persistent_buffers_set")
        for kind, hidden in (("_parameters", ()), ("_buffers", fleeting if isinstance(fleeting, list) else ())):
            named = state.get(kind)
            for name, value in named.items() if isinstance(named, dict) else ():
                if value is not None and not any(name is other or name == other for other in hidden):
                    yield f"{prefix}{name}", value
        children = state.get("_modules")
        children = children if isinstance(children, dict) else {}
        inner = [(f"{prefix}{name}.", c) for name, c in children.items() if isinstance(c, Made) and _is_module(c)]
        waiting.extend(inner[::-1])


def _rebuilt(value: object) -> tuple[Any, ...] | None:
    """(storage, offset, size, stride, type or None) of a dense tensor; None for anything else."""
    for _ in range(DEPTH):
        if not isinstance(value, Made):
            return None
        name, arguments = value.name, value.arguments
        if name in ("torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state") and arguments:
            value = arguments[0]
        elif name == "torch._tensor._rebuild_from_type_v2" and len(arguments) == 4 and isinstance(arguments[0], Named):
            value = Made(arguments[0].name, arguments[2] if isinstance(arguments[2], tuple) else ())
        elif name in ("torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2") and len(arguments) >= 4:
            return (*arguments[:4], None)
        elif name == "torch._utils._rebuild_tensor_v3" and len(arguments) >= 7:
            return (*arguments[:4], arguments[6])
        else:
            return None
    return None


def _is_tensor(value: object) -> bool:
    rebuilt = _rebuilt(value)
    return rebuilt is not None and isinstance(rebuilt[0], Stored)


def _tensor(value: object, archive: Archive, loaded: dict[str, Tensor]) -> Tensor:
    """A view of its storage, which is read once."""
    stored, offset, size, stride, dtype_name = _rebuilt(value) or ()
    claim = StorageClaim.of(stored)
    dtype = DTYPES.get(dtype_name.name) if isinstance(dtype_name, Named) else claim.dtype
    size, stride = _integers(size), _integers(stride)
    if dtype is None or size is None or stride is None or len(size) != len(stride) or not isinstance(offset, int):
        raise Refused("is damaged: it describes a tensor that cannot be; copy it again")
    count = claim.size // dtype.itemsize
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if offset < 0 or (0 not in size and last >= count):
        raise Refused(f"claims a tensor of {size} in a storage of {count} numbers, which is refused; copy it again")
    if claim.key not in loaded:
        content = archive.read(claim.key, claim.size)[: claim.size]
        loaded[claim.key] = (
            torch.frombuffer(content, dtype=torch.uint8) if content else torch.empty(0, dtype=torch.uint8)
        )
    flat = loaded[claim.key][: count * dtype.itemsize].view(dtype)
    return flat.as_strided(size, stride, offset) if 0 not in size else torch.empty(size, dtype=dtype)


def _integers(values: object) -> tuple[int, ...] | None:
    if not isinstance(values, tuple) or not all(isinstance(v, int) and 0 <= v < 2**40 for v in values):
        return None
    return values if len(values) <= 16 else None


def plain(value: object) -> Any:
    """A list or table of names with NumPy's integers as Python's; lists in lists are not followed."""
    if isinstance(value, list | tuple):
        return [_scalar(each) for each in value[:NAMES]]
    if isinstance(value, dict):
        return {key: _scalar(each) for key, each in list(value.items())[:NAMES]}
    return _scalar(value)


def _scalar(value: object) -> Any:
    if isinstance(value, Made) and value.name.endswith("multiarray.scalar") and len(value.arguments) == 2:
        return _number(*value.arguments)
    return None if isinstance(value, int) and abs(value) > 2**63 else value


def _number(dtype: object, content: object) -> Any:
    """An integer of NumPy, whose bytes protocol 2 writes as Latin-1 text."""
    if isinstance(content, Made) and content.name == "_codecs.encode" and content.arguments:
        content = content.arguments[0]
    content = content.encode("latin-1", "replace") if isinstance(content, str) else content
    kind = dtype.arguments[0] if isinstance(dtype, Made) and dtype.arguments else None
    codes = {"i8": "<q", "i4": "<i", "i2": "<h", "i1": "<b", "u8": "<Q", "u4": "<I", "u2": "<H", "u1": "<B"}
    if not isinstance(kind, str) or kind not in codes or not isinstance(content, bytes):
        return None
    return struct.unpack(codes[kind], content)[0] if len(content) == struct.calcsize(codes[kind]) else None
