"""A run directory, opened: all that a report may look at."""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import safetensors
import safetensors.numpy

SCHEMA_VERSION = 1
ROLES = ("right", "wrong", "present")
GAP = "gap"  # "role" of a value that compares the wrong-class map with the right-class one
BOTH = "cat+dog"


class ReportError(ValueError):
    """A folder that no report can be made of; the message says why and what to do."""


def title(manifest: dict[str, Any], name: str) -> str:
    """Title of a method, control or metric of a run, from its manifest."""
    for kind in ("methods", "controls", "metrics"):
        if name in manifest.get(kind, {}):
            return str(manifest[kind][name]["title"])
    return {"dispersion_gap": "Dispersion gap"}.get(name, name)


class Run:
    """A complete run directory (docs/formats.md); files are read when first asked for.

    Raises:
        ReportError: no run, another schema version, not complete, or a damaged file.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = _manifest(folder)

    @property
    def seed(self) -> int:
        """Seed of the bootstrap."""
        return int(self.manifest["seeds"]["run"])

    @property
    def methods(self) -> list[str]:
        """Method names in the order they were given."""
        return list(self.manifest["methods"])

    @property
    def controls(self) -> list[str]:
        """Control names; none in runs made before there were any."""
        return list(self.manifest.get("controls", {}))

    @property
    def layers(self) -> list[str]:
        """Layer names in the order they were given."""
        return list(self.manifest["layers"])

    @property
    def classes(self) -> list[str]:
        """Classes in the order of the logits."""
        return list(self.manifest["checkpoint"]["classes"])

    def title(self, name: str) -> str:
        """Title of a method, control or metric."""
        return title(self.manifest, name)

    @cached_property
    def all_scores(self) -> pd.DataFrame:
        """scores.parquet, sorted by image, so that nothing depends on the order of its rows."""
        frame = self._frame("scores")
        return frame.sort_values(["image_id", "method", "layer", "target", "metric"], ignore_index=True)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The scores of the methods."""
        return self.all_scores[self.all_scores["method"].isin(self.methods)].reset_index(drop=True)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """curves.parquet, sorted by image; empty where no curves were computed."""
        frame = self._frame("curves")
        return frame if frame.empty else frame.sort_values(["image_id", "method", "layer", "target"], ignore_index=True)

    @cached_property
    def localisation(self) -> pd.DataFrame:
        """localisation.parquet, sorted by image; empty where there are no masks."""
        frame = self._frame("localisation")
        return frame if frame.empty else frame.sort_values(["image_id", "method", "layer", "target"], ignore_index=True)

    @cached_property
    def images(self) -> pd.DataFrame:
        """images.parquet by image id."""
        return self._frame("images").set_index("image_id").sort_index()

    @cached_property
    def skipped(self) -> pd.DataFrame:
        """skipped.csv: path, reason."""
        path = self.folder / "skipped.csv"
        if not path.exists():
            return pd.DataFrame({"path": [], "reason": []})
        return pd.read_csv(path, dtype=str, keep_default_na=False)

    @cached_property
    def maps(self) -> dict[tuple[str, str], dict[str, np.ndarray]]:
        """Per method and layer the raw maps (K, h, w) by image id; empty where no file holds any.

        A map that holds a NaN or an infinity is undefined, and shown as an empty one.
        """
        maps: dict[tuple[str, str], dict[str, np.ndarray]] = {}
        for path in sorted((self.folder / "maps").glob("*.safetensors")):
            try:
                with safetensors.safe_open(path, "numpy") as file:
                    ids = json.loads(file.metadata()["image_ids"])
                    for name in file.keys():  # noqa: SIM118 (not a dict)
                        method, _, layer = name.partition("/")
                        maps.setdefault((method, layer), {}).update(zip(ids, _finite(file.get_tensor(name)), strict=True))
            except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
                raise ReportError(f"'{path}' cannot be read ({error}); score the run again") from error
        wanted = [(method, layer) for method in self.methods for layer in self.layers] if maps else []
        if any(not set(self.images.index) <= set(maps.get(key, {})) for key in wanted):
            raise ReportError(f"'{self.folder / 'maps'}' lacks maps of some images; score the run again")
        return maps

    def _frame(self, name: str) -> pd.DataFrame:
        path = self.folder / f"{name}.parquet"
        if not path.exists():
            if name in ("scores", "images"):
                raise ReportError(f"'{path}' is missing; score the run again")
            return pd.DataFrame()
        try:
            return pq.read_table(path).to_pandas()
        except (OSError, pa.ArrowException) as error:
            raise ReportError(f"'{path}' cannot be read ({error}); score the run again") from error


def _finite(maps: np.ndarray) -> np.ndarray:
    """Maps (..., h, w) with 0 in every cell of one that is not finite."""
    return np.where(np.isfinite(maps).all(axis=(-2, -1), keepdims=True), maps, 0).astype(maps.dtype)


def _manifest(folder: Path) -> dict[str, Any]:
    path = folder / "manifest.json"
    if not path.is_file():
        raise ReportError(f"'{folder}' is no run directory (no manifest.json); give the --out folder of cambench run")
    try:
        manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        version, status = manifest["schema_version"], manifest["status"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ReportError(f"'{path}' cannot be read ({error!r}); score the run again") from error
    if version != SCHEMA_VERSION:
        raise ReportError(f"'{folder}' has schema version {version}, expected {SCHEMA_VERSION}; score the run again")
    if status != "complete":
        raise ReportError(f"the run in '{folder}' is not complete ({status}); finish it with cambench run --resume")
    return manifest
