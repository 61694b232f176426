"""Tensors from checkpoint files, without ever running code that a file contains."""

import hashlib
import json
import pickle
import struct
import zipfile
from pathlib import Path
from typing import BinaryIO

import safetensors.torch

from weights.archives import LegacyArchive, ZipArchive
from weights.contents import Content, content_of
from weights.errors import Refused, WeightsError, printable
from weights.sharded import check_whole, is_index, parts_of

# What reading damaged files raises, found by cutting them and flipping their bytes.
DAMAGED = (
    pickle.UnpicklingError, zipfile.BadZipFile, RuntimeError, EOFError, LookupError, ValueError, TypeError,
    AttributeError, NotImplementedError, OSError, struct.error, OverflowError,
)  # fmt: skip
SUFFIXES = "a .pth, .pt, .ckpt or .safetensors file"
# First bytes of files that are something else.
OTHERS = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file, such as Keras writes: cambench convert keras FILE --out F.safetensors",
    b"GGUF": "a GGUF file",
    b"\x93NUMPY": "a NumPy array",
    b"\xff\xd8\xff": "a JPEG picture",
    b"\x89PNG": "a PNG picture",
    b"\x1f\x8b": "a gzip file: unpack it first",
    b"version https://git-lfs": "a pointer of Git LFS: fetch the file itself (git lfs pull)",
    b"<!DOCTYPE": "a web page: the download went wrong",
    b"<html": "a web page: the download went wrong",
}


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, hexadecimal; of an index of shards, of its own and theirs as text, one after the other.

    Raises:
        WeightsError: no such file, or unreadable.
    """
    if is_index(path) and path.is_file():
        found = [_sha256_of(each) for each in (path, *_parts(path))]
        return hashlib.sha256("".join(found).encode()).hexdigest()
    return _sha256_of(path)


def size_of(path: Path) -> int:
    """Bytes of a checkpoint with all its shards; 0 where there is none.

    Raises:
        WeightsError: an index that cannot be used.
    """
    files = (path, *_parts(path)) if is_index(path) and path.is_file() else (path,)
    return sum(each.stat().st_size for each in files if each.is_file())


def _parts(index: Path) -> list[Path]:
    try:
        return list(parts_of(index))
    except Refused as error:
        raise WeightsError(f"weights '{printable(index)}' {error}") from error


def _sha256_of(path: Path) -> str:
    shown = printable(path)
    try:
        if path.exists() and not path.is_file():  # reading a pipe would wait for ever
            raise WeightsError(f"weights '{shown}' is a folder, a pipe or a device; give {SUFFIXES}")
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except FileNotFoundError as error:
        raise WeightsError(f"weights '{shown}' not found; give the path of {SUFFIXES}") from error
    except OSError as error:
        raise WeightsError(f"weights '{shown}' cannot be read: {error.strerror}") from error
    except ValueError as error:
        if isinstance(error, WeightsError):
            raise
        raise WeightsError(f"weights '{shown}' is no path: {error}") from error


def read_tensors(path: Path) -> Content:
    """The tensors of the network in a file, by their names, what the file says beside them, and notes.

    The file's first bytes say what it is, not its ending. Nothing in it is executed, no tensor is read that the
    network does not need, and memory stays within a few times the file's size whatever it claims.

    Raises:
        WeightsError: empty, truncated, damaged, no checkpoint, or one that would run code or eat the memory.
    """
    shown = printable(path)
    try:
        if is_index(path):
            return _read_shards(path)
        check_whole(path)
        with path.open("rb") as file:
            return _read(file, path)
    except Refused as error:
        raise WeightsError(f"weights '{shown}' {error}") from error
    except DAMAGED as error:
        raise WeightsError(
            f"weights '{shown}' is truncated or no PyTorch checkpoint; copy it again, or give {SUFFIXES}"
        ) from error


def _read(file: BinaryIO, path: Path) -> Content:
    size = path.stat().st_size
    if size == 0:
        raise Refused("is an empty file; copy or download it again")
    start = file.read(64)
    file.seek(0)
    for magic, kind in OTHERS.items():
        if start.lower().startswith(magic.lower()):
            raise Refused(f"is truncated or no PyTorch checkpoint, but {kind}; give {SUFFIXES}")
    if start.startswith(b"PK"):
        return content_of(ZipArchive(file, size))
    if start[8:9] == b"{" or path.suffix == ".safetensors":
        return _read_safetensors(file.read())
    return content_of(LegacyArchive(file, size))


def _read_shards(index: Path) -> Content:
    """All shards' tensors; the first shard's metadata are the checkpoint's."""
    parts = parts_of(index)
    contents = {part: _read_safetensors(part.read_bytes()) for part in parts}
    for part, names in parts.items():
        if set(contents[part].tensors) != names:
            odd = sorted(set(contents[part].tensors) ^ names)[0]
            raise Refused(f"and its shard '{part.name}' contradict each other about '{odd[:100]}'; copy both again")
    tensors = {name: tensor for content in contents.values() for name, tensor in content.tensors.items()}
    metadata = {key: value for content in [*contents.values()][::-1] for key, value in content.metadata.items()}
    return Content(tensors, metadata, (f"read from {len(parts)} shards",))


def _read_safetensors(content: bytes) -> Content:
    """From memory: a file that is mapped would change its tensors when it is replaced, and needs a name in UTF-8."""
    try:
        tensors = safetensors.torch.load(content)
    except safetensors.SafetensorError as error:
        raise Refused(f"is truncated or no safetensors file ({str(error)[:200]}); copy it again") from error
    (length,) = struct.unpack("<Q", content[:8])
    return Content(tensors, json.loads(content[8 : 8 + length]).get("__metadata__") or {})
