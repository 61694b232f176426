"""What checkpoint files are made of, for the corpora."""

import io
import pickle
import zipfile
from dataclasses import dataclass

import torch
from torch import nn

LOADS, REFUSED, EITHER, SAME = "loads", "refused", "either", "the same tensors, or refused"


@dataclass(frozen=True)
class Case:
    """A file: its name says what it is; `expected` is one of the four above."""

    name: str
    content: bytes
    expected: str
    suffix: str = ".pth"


def tiny(classes: int) -> nn.Module:
    """62 parameters."""
    return nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, classes))


def state() -> dict[str, torch.Tensor]:
    """Its tensors, always the same."""
    torch.manual_seed(0)
    return dict(tiny(2).state_dict())


def saved(content: object, legacy: bool = False) -> bytes:
    """By torch.save."""
    buffer = io.BytesIO()
    torch.save(content, buffer, _use_new_zipfile_serialization=not legacy)
    return buffer.getvalue()


def zipped(pickled: bytes, storages: dict[str, bytes] | None = None, packing: int = zipfile.ZIP_STORED) -> bytes:
    """A checkpoint of today's format by hand."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", packing) as archive:
        archive.writestr("archive/data.pkl", pickled)
        archive.writestr("archive/byteorder", "little")
        archive.writestr("archive/version", "3\n")
        for key, content in (storages or {}).items():
            archive.writestr(f"archive/data/{key}", content)
    return buffer.getvalue()


def headed(pickled: bytes) -> bytes:
    """A pickle behind the header of the older format."""
    system = {"protocol_version": 1001, "little_endian": True, "type_sizes": {}}
    return b"".join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, system)) + pickled
