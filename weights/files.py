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

# What reading damaged files raises, found by cutting them and flipping their bytes.
DAMAGED = (
    pickle.UnpicklingError, zipfile.BadZipFile, RuntimeError, EOFError, LookupError, ValueError, TypeError,
    AttributeError, NotImplementedError, OSError, struct.error, OverflowError,
)  # fmt: skip
SUFFIXES = "a .pth, .pt, .ckpt or .safetensors file"
# First bytes of files that are something else.
OTHERS = {
    b"\x89HDF\r\n\x1a\n": "an HDF5 file, such as Keras writes",
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
    """SHA-256 of a file, hexadecimal.

    Raises:
        WeightsError: no such file, or unreadable.
    """
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


def _read_safetensors(content: bytes) -> Content:
    """From memory: a file that is mapped would change its tensors when it is replaced, and needs a name in UTF-8."""
    try:
        tensors = safetensors.torch.load(content)
    except safetensors.SafetensorError as error:
        raise Refused(f"is truncated or no safetensors file ({str(error)[:200]}); copy it again") from error
    (length,) = struct.unpack("<Q", content[:8])
    return Content(tensors, json.loads(content[8 : 8 + length]).get("__metadata__") or {})
