"""What a Keras file holds: its configuration, and arrays from its HDF5 part; no link leads out of the file."""

import io
import json
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weights.archives import SLACK, UNPACKED, check_directory
from weights.errors import Refused, WeightsError
from weights.keras.chain import Layer

CONFIG = 16 * 2**20  # bytes of a configuration
GROUPS = ("layers", "_layer_checkpoint_dependencies")  # where a .keras file keeps layers, now and in Keras 2.12
AGAIN = "save the whole model with model.save('F.keras')"
VARIABLES = ("kernel", "bias")


class Stored:
    """An opened file.

    Attributes:
        model: the configuration, with `class_name` and `config`.
        version: of the Keras that wrote it.
    """

    def __init__(self, model: Any, version: str, weights: Any, size: int, *, legacy: bool) -> None:
        self.model, self.version = model, version
        self._weights, self._budget, self._legacy = weights, UNPACKED * size + SLACK, legacy

    def array(self, layer: Layer, variable: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        """The kernel or the bias of a layer.

        Raises:
            Refused: it is not there, has another shape or type, or lies outside the file.
        """
        dataset = self._in_h5(layer, variable) if self._legacy else self._in_keras(layer, variable)
        what = f"{variable} of layer '{layer.name[:50]}'"
        if dataset is None:
            raise Refused(f"holds no {what}; {AGAIN}")
        if dataset.shape != shape:
            raise Refused(f"holds {what} of shape {dataset.shape}, expected {shape}; {AGAIN}")
        if dataset.dtype.kind != "f" or dataset.is_virtual or dataset.external:
            raise Refused(f"holds {what} as {dataset.dtype} or in another file, expected floating point; {AGAIN}")
        self._budget -= dataset.size * 4
        if self._budget < 0:
            raise Refused("unpacks to far more than its size, which is refused: no model does")
        found: NDArray[np.float32] = dataset[...].astype(np.float32)
        return found

    def _in_keras(self, layer: Layer, variable: str) -> Any:
        """By place: layers/functional/layers/conv2d_1/vars/0; the group says the layer's name since Keras 3.9."""
        for outer in GROUPS:
            path = [part for group in layer.place for part in (outer, group)]
            group = _inside(self._weights, [*path, "vars"])
            if group is None:
                continue
            said = group.attrs.get("name", layer.name)
            if said != layer.name:
                raise Refused(f"keeps layer '{str(said)[:50]}' where '{layer.name[:50]}' is expected; {AGAIN}")
            return _inside(group, [str(VARIABLES.index(variable))])
        return None

    def _in_h5(self, layer: Layer, variable: str) -> Any:
        """By name: model_weights/vgg16/block1_conv1/kernel:0, with more groups between in some versions."""
        group = _inside(self._weights, ["model_weights", layer.top])
        found: list[Any] = []

        def look(path: str, entry: Any) -> None:
            parts = path.split("/")
            owner = parts[-2] if len(parts) > 1 else layer.top
            if hasattr(entry, "shape") and owner == layer.name and parts[-1].partition(":")[0] == variable:
                found.append(entry)

        if group is not None:
            group.visititems(look)  # hard links alone, each object once
        return found[0] if len(found) == 1 else None


def _inside(group: Any, path: list[str]) -> Any:
    """What lies there by hard links; None where nothing does."""
    import h5py

    for part in path:
        if not isinstance(group, h5py.Group) or not isinstance(group.get(part, getlink=True), h5py.HardLink):
            return None
        group = group[part]
    return group


@contextmanager
def opened(path: Path) -> Iterator[Stored]:
    """A model that Keras saved, as .h5 or .keras; the content decides, not the ending.

    Raises:
        Refused: no such model, or one without its configuration.
        WeightsError: h5py is not installed.
    """
    try:
        import h5py
    except ImportError as error:
        raise WeightsError("Keras' files need h5py: pip install 'cambench[keras]'") from error
    size = path.stat().st_size
    try:
        with path.open("rb") as file:
            start = file.read(8)
            file.seek(0)
            if start.startswith(b"PK"):
                model, version, weights = _unzipped(file, size)
                with h5py.File(weights, "r") as content:
                    yield Stored(model, version, content, size, legacy=False)
            elif start == b"\x89HDF\r\n\x1a\n":
                with h5py.File(file, "r") as content:
                    model, version = _h5_config(content)
                    yield Stored(model, version, content, size, legacy=True)
            else:
                raise Refused("is no file of Keras; give one that model.save wrote, .keras or .h5")
    except (OSError, RuntimeError, KeyError, zipfile.BadZipFile, EOFError, UnicodeDecodeError) as error:
        raise Refused("is truncated or damaged; copy it again") from error


def _h5_config(content: Any) -> tuple[Any, str]:
    """The configuration in the attributes of an .h5 file."""
    text = content.attrs.get("model_config")
    if text is None:
        alone = "layers" in content or "layer_names" in content.attrs or "_layer_checkpoint_dependencies" in content
        what = "holds weights alone, without the network's layers" if alone else "is an HDF5 file without a Keras model"
        raise Refused(f"{what}; {AGAIN}")
    return _parsed(text), _text(content.attrs.get("keras_version", "unknown"))


def _unzipped(file: Any, size: int) -> tuple[Any, str, io.BytesIO]:
    check_directory(file, size)
    archive = zipfile.ZipFile(file)
    names = archive.namelist()
    if "config.json" not in names or "model.weights.h5" not in names:
        raise Refused("is a zip file without a Keras model; give one that model.save wrote, .keras or .h5")
    if sum(record.file_size for record in archive.infolist()) > UNPACKED * size + SLACK:
        raise Refused("unpacks to far more than its size, which is refused: no model does")
    version = "unknown"
    if "metadata.json" in names:
        said = _parsed(_read(archive, "metadata.json"))
        version = str(said.get("keras_version", version))[:20] if isinstance(said, dict) else version
    model = _parsed(_read(archive, "config.json"))
    return model, version, io.BytesIO(archive.read("model.weights.h5"))


def _read(archive: zipfile.ZipFile, name: str) -> bytes:
    with archive.open(name) as record:
        return record.read(CONFIG + 1)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _parsed(text: Any) -> Any:
    if len(text) > CONFIG:
        raise Refused(f"has a configuration of more than {CONFIG} bytes, which is refused")
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError) as error:
        raise Refused(f"has a configuration that is no JSON; {AGAIN}") from error
