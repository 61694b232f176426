"""The raw maps that a run keeps in maps/."""

import json
import re
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import safetensors

from reports.errors import ReportError, regular
from reports.plain import visible

SHARD = re.compile(r"shard-\d+\.safetensors")
Maps = dict[tuple[str, str], dict[str, np.ndarray]]


def read_maps(folder: Path, shapes: dict[tuple[str, str], tuple[int, int, int]], ids: Iterable[str]) -> Maps:
    """Per method and layer the raw maps (K, h, w) by image id; empty where no file holds any.

    A map that holds NaN or infinity is undefined. Files of other names, and tensors of other methods and layers, are
    left alone.

    Args:
        folder: of the files.
        shapes: (K, h, w) by method and layer.
        ids: of the images, all of which must have maps.

    Raises:
        ReportError: a damaged file, maps that no method gives, or images without maps.
    """
    maps: Maps = {}
    files = sorted(path for path in folder.glob("*") if SHARD.fullmatch(path.name)) if folder.is_dir() else []
    for path in files:
        try:
            _read_file(path, shapes, maps)
        except ReportError:
            raise
        except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise ReportError(f"'{path}' cannot be read ({visible(str(error))}); score the run again") from error
    wanted = set(ids)
    if maps and any(not wanted <= set(maps.get(key, {})) for key in shapes):
        raise ReportError(f"'{folder}' lacks maps of some images; score the run again")
    return maps


def _read_file(path: Path, shapes: dict[tuple[str, str], tuple[int, int, int]], maps: Maps) -> None:
    with safetensors.safe_open(regular(path), "numpy") as file:
        ids = json.loads(file.metadata()["image_ids"])
        if not isinstance(ids, list) or not all(isinstance(name, str) for name in ids) or len(set(ids)) < len(ids):
            raise ValueError("image_ids is no list of different names")
        names = set(file.keys())
        for (method, layer), shape in shapes.items():
            name = f"{method}/{layer}"
            if name not in names:
                continue
            tensor = file.get_tensor(name)
            if tensor.dtype != np.float32 or tensor.shape != (len(ids), *shape):
                wanted = " x ".join(map(str, (len(ids), *shape)))
                raise ValueError(f"'{name}' is {tensor.dtype} of shape {tensor.shape}, expected float32, {wanted}")
            if (tensor < 0).any():
                raise ValueError(f"'{name}' holds negative values")
            known = maps.setdefault((method, layer), {})
            if not known.keys().isdisjoint(ids):
                raise ValueError("it holds maps of images that another file holds too")
            known.update(zip(ids, tensor, strict=True))
