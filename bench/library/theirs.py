"""Maps that a caller made elsewhere."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from bench.errors import ConfigError
from bench.library.annotations import as_tensor
from bench.library.images import checked_ids, numbered
from bench.run.given import GivenMaps, checked_maps


def given_maps(maps: Mapping[str, Any], ids: Sequence[str] | None, classes: int) -> GivenMaps:
    """Maps in the order of the images.

    Args:
        maps: (N, K, h, w) by name.
        ids: of the images; None: they are numbered.
        classes: K.

    Raises:
        ConfigError: arrays of another shape, or of several numbers of images.
    """
    if not isinstance(maps, Mapping) or not all(isinstance(name, str) and name.strip() for name in maps):
        raise ConfigError(f"maps are a {type(maps).__name__}, expected a dict from a name to an array (N, K, h, w)")
    found = {name: as_tensor(f"maps '{name}'", array).cpu() for name, array in maps.items()}
    first = next(iter(found.values()))
    names = numbered(0, len(first)) if ids is None else checked_ids(ids)
    digest = hashlib.sha256()
    for name, array in found.items():
        checked_maps(name, tuple(array.shape), array.dtype, len(names), classes)
        digest.update(repr((name, tuple(array.shape))).encode())
        digest.update(array.float().numpy().tobytes())
    rows = {name: row for row, name in enumerate(names)}
    return GivenMaps(found, rows, {"file": "in memory", "sha256": digest.hexdigest()})
