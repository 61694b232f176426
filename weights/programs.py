"""TorchScript and torch.export programs: their weights are read by name; their code is neither run nor read."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from weights.errors import Refused
from weights.pickles import Made, Named, Stored

SCRIPTED = "the file is a TorchScript program: its weights are used, its code is not run"
EXPORTED = "the file is a torch.export program: its weights are used, its code is not run"
FROZEN = (
    "is a frozen TorchScript program, whose weights have no names; save the network itself where it was made, with "
    "torch.save(model.state_dict(), FILE)"
)
EXPORTED_EARLIER = ("serialized_exported_program.json", "archive_format")  # records that say what such a file is
EXPORT_AGAIN = (
    "load it where it was made and save its tensors with torch.save(torch.export.load(FILE).state_dict, FILE)"
)
WEIGHTS = "data/weights/model_weights_config.json"  # which record holds which tensor
INDEX, MODULES, DEEP = 16 * 2**20, 10_000, 64  # bytes of that record; modules of a program, and one in another
# Numbers that torch.export writes for types, and the storages of torch.save that hold the same.
TYPES = {
    1: "ByteStorage", 2: "CharStorage", 3: "ShortStorage", 4: "IntStorage", 5: "LongStorage", 6: "HalfStorage",
    7: "FloatStorage", 8: "DoubleStorage", 12: "BoolStorage", 13: "BFloat16Storage",
}  # fmt: skip
BYTES = {
    "ByteStorage": 1, "CharStorage": 1, "BoolStorage": 1, "ShortStorage": 2, "HalfStorage": 2, "BFloat16Storage": 2,
    "IntStorage": 4, "FloatStorage": 4, "LongStorage": 8, "DoubleStorage": 8,
}  # fmt: skip


def is_scripted(value: Made) -> bool:
    """Whether it is a module of TorchScript."""
    return value.name.startswith("__torch__.") and isinstance(value.state, dict)


def scripted(module: Made) -> Iterator[tuple[str, object]]:
    """All attributes that are no modules, by name; among them the parameters and buffers.

    Raises:
        Refused: modules in modules without end.
    """
    waiting, seen = [("", module)], 0
    while waiting:
        prefix, each = waiting.pop()
        seen += 1
        if seen > MODULES or prefix.count(".") > DEEP:
            raise Refused("is a TorchScript program of modules in modules without end, which is refused")
        inner = []
        for name, value in each.state.items():
            if isinstance(value, Made) and is_scripted(value):
                inner.append((f"{prefix}{name}.", value))
            else:
                yield f"{prefix}{name}", value
        waiting.extend(inner[::-1])


def exported(text: bytes | bytearray, sizes: Mapping[str, int]) -> dict[str, Made]:
    """The tensors of a torch.export program as torch.save would have described them.

    Args:
        text: the record `WEIGHTS`.
        sizes: bytes of every record of the archive, by its name in the archive's folder.

    Raises:
        Refused: an index that is too long, or describes what is no plain tensor.
    """
    if len(text) > INDEX:
        raise Refused(f"is a torch.export program with an index of {len(text)} bytes, which is refused; {EXPORT_AGAIN}")
    try:
        table = json.loads(text)["config"]
        return {str(name): _described(str(name), entry, sizes) for name, entry in table.items()}
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(f"is a torch.export program whose index is damaged; copy it again, or {EXPORT_AGAIN}") from error


def _described(name: str, entry: Mapping[str, Any], sizes: Mapping[str, int]) -> Made:
    meta = entry["tensor_meta"]
    storage = TYPES.get(meta["dtype"])
    if entry["use_pickle"] or storage is None:
        raise Refused(f"is a torch.export program with an unusual tensor '{name[:50]}'; {EXPORT_AGAIN}")
    place = f"weights/{entry['path_name']}"
    count = sizes[f"data/{place}"] // BYTES[storage]
    stored = Stored(("storage", Named(f"torch.{storage}"), place, "cpu", count))
    shape, steps = (tuple(size["as_int"] for size in meta[key]) for key in ("sizes", "strides"))
    return Made("torch._utils._rebuild_tensor_v2", (stored, meta["storage_offset"]["as_int"], shape, steps))
