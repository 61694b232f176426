"""Maps made elsewhere, scored beside the others: their file, and the methods that they are."""

import hashlib
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.lib import format as npy
from torch import Tensor

from bench.errors import ConfigError
from cam import NEGATED, SMOOTHED, Method
from datasets.text import printable

IDS = "image_ids"
LARGEST = 4096  # cells of a side
EXPECTED = f"expected arrays (N, K, h, w), one per method, and {IDS}, N texts"
HEADERS: dict[tuple[int, int], Callable[..., Any]] = {
    (1, 0): npy.read_array_header_1_0,
    (2, 0): npy.read_array_header_2_0,
}


@dataclass(frozen=True, eq=False)
class GivenMaps:
    """Maps made elsewhere, of every image.

    Attributes:
        maps: by name, (N, K, h, w).
        rows: place of every image by its id.
        record: what the manifest says of them: file and sha256.
    """

    maps: Mapping[str, Tensor]
    rows: Mapping[str, int]
    record: dict[str, str]

    def methods(self, others: Sequence[str] = ()) -> dict[str, Method]:
        """As methods, which look their maps up by the ids of the images.

        Args:
            others: names that are taken.

        Raises:
            ConfigError: maps with the name of another method.
        """
        for name in self.maps:
            if name in others or name.startswith((NEGATED, SMOOTHED)):
                raise ConfigError(f"maps are named '{name}', which is the name of a method or control; rename them")
        return {name: self._method(name, maps) for name, maps in self.maps.items()}

    def _method(self, name: str, maps: Tensor) -> Method:
        def look_up(ids: tuple[str, ...]) -> Tensor:
            foreign = next((image_id for image_id in ids if image_id not in self.rows), None)
            if foreign is not None:
                raise ConfigError(f"there are maps '{name}' of {len(maps)} images, and none of image '{foreign}'")
            return maps[[self.rows[image_id] for image_id in ids]].float()

        size = (maps.shape[2], maps.shape[3])
        return Method(look_up, name, "maps made elsewhere", size=size, finish=_as_they_are)


def _as_they_are(found: Any, _shape: tuple[int, ...], device: torch.device) -> Tensor:
    """On the device; of a size of their own, whatever the layer's is."""
    maps: Tensor = found.to(device)
    return maps


def checked_maps(name: str, shape: tuple[int, ...], dtype: np.dtype | torch.dtype, images: int, classes: int) -> None:
    """Raise unless an array can be the maps of a method.

    Raises:
        ConfigError: another shape, or no real numbers.
    """
    wanted = f"expected ({images}, {classes}, h, w)"
    if len(shape) != 4 or shape[:2] != (images, classes) or not all(1 <= side <= LARGEST for side in shape[2:]):
        raise ConfigError(
            f"maps '{name}' have the shape {shape}, {wanted} for {images} images and {classes} classes; give one map "
            "per image and class, in the order of the classes"
        )
    real = dtype.kind in "biuf" if isinstance(dtype, np.dtype) else not dtype.is_complex
    if not real:
        raise ConfigError(f"maps '{name}' are of {dtype}, {wanted} of real numbers")


def read_maps_file(path: Path, ids: Sequence[str], classes: int) -> GivenMaps:
    """The maps of an .npz file.

    Args:
        path: of the file.
        ids: of the images of the data set; the file has the same in any order.
        classes: K.

    Raises:
        ConfigError: it cannot be read, lacks an image or has another, or holds arrays of another shape.
    """
    said = f"maps file '{printable(path)}'"
    try:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        with zipfile.ZipFile(path) as archive:
            headers = {name: _header(archive, name) for name in archive.namelist()}
            names = _names(said, headers)
            rows = _rows(said, _array(archive, names.pop(IDS)), ids)
            for name, member in names.items():
                checked_maps(name, *headers[member], len(ids), classes)
            maps = {name: torch.from_numpy(_array(archive, member)).float() for name, member in names.items()}
    except ConfigError as error:
        raise ConfigError(f"{said}: {error}" if not str(error).startswith(said) else str(error)) from error
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, NotImplementedError, MemoryError) as error:
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise ConfigError(f"{said} cannot be read ({reason}); {EXPECTED}, as numpy.savez writes them") from error
    return GivenMaps(maps, rows, {"file": path.name, "sha256": digest})


def _header(archive: zipfile.ZipFile, member: str) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of an array that is not read yet."""
    with archive.open(member) as file:
        version = npy.read_magic(file)
        if version not in HEADERS:
            raise ValueError(f"'{member}' is an array of version {version}")
        shape, _, dtype = HEADERS[version](file)
    return shape, dtype


def _array(archive: zipfile.ZipFile, member: str) -> np.ndarray:
    with archive.open(member) as file:
        array: np.ndarray = npy.read_array(file, allow_pickle=False)
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def _names(said: str, headers: Mapping[str, Any]) -> dict[str, str]:
    """Member of the archive by the name of its array."""
    names = {member.removesuffix(".npy"): member for member in headers}
    if IDS not in names or len(names) < 2:
        raise ConfigError(f"{said} holds {', '.join(names) or 'nothing'}; {EXPECTED}")
    shape, dtype = headers[names[IDS]]
    if len(shape) != 1 or dtype.kind != "U":
        raise ConfigError(f"{said}, {IDS} are {dtype} of shape {shape}; {EXPECTED}, such as np.array(list_of_names)")
    return names


def _rows(said: str, found: np.ndarray, ids: Sequence[str]) -> dict[str, int]:
    """Row of every image by its id."""
    rows = {str(name): row for row, name in enumerate(found)}
    missing = next((name for name in ids if name not in rows), None)
    if missing is not None:
        raise ConfigError(f"{said} has no maps of image '{missing}'; give maps of every image that is scored")
    known = set(ids)
    foreign = next((name for name in rows if name not in known), None)
    if foreign is not None:
        raise ConfigError(f"{said} has maps of '{foreign}', which is not among the {len(ids)} images; leave it out")
    if len(rows) < len(found):
        twice = next(name for row, name in enumerate(found) if rows[str(name)] != row)
        raise ConfigError(f"{said} has image '{twice}' twice; give each once")
    return rows
