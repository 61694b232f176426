"""Bytes that are a function of their content: the same maps or weights give the same file."""

import hashlib
import json
import struct
from collections.abc import Mapping
from typing import Any

LENGTH = struct.Struct("<Q")


def canonical(content: bytes) -> bytes:
    """A safetensors file whose header names its metadata in alphabetical order and its tensors as they lie in it.

    The library writes the metadata in the order of a hash table, another one in every process.
    """
    (length,) = LENGTH.unpack_from(content)
    header = json.loads(content[LENGTH.size : LENGTH.size + length])
    metadata = header.pop("__metadata__", None)
    places = sorted(header.items(), key=lambda item: (item[1]["data_offsets"], item[0]))
    ordered = {} if metadata is None else {"__metadata__": dict(sorted(metadata.items()))}
    ordered |= {name: dict(sorted(place.items())) for name, place in places}
    text = json.dumps(ordered, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight bytes
    return LENGTH.pack(len(text)) + text + content[LENGTH.size + length :]


def digest(content: Mapping[str, Any]) -> str:
    """SHA-256 of plain values."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()
