"""A run directory, opened: all that a report may look at, checked when it is read."""

from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from reports.csvfiles import read_csv
from reports.errors import ReportError
from reports.runs.checks import (
    ROLES,
    check_images,
    check_labels,
    check_names,
    check_once,
    check_roles,
    distinct,
    shown_classes,
)
from reports.runs.columns import read_columns
from reports.runs.integrity import Files, check_content, check_sizes
from reports.runs.maps import read_maps
from reports.runs.pictures import read_jpegs, read_picture
from reports.runs.schema import SCHEMA_VERSION, read_manifest
from reports.runs.values import Values
from reports.text import label

__all__ = ["GAP", "NEGATED", "ROLES", "RUNGS", "SCHEMA_VERSION", "ReportError", "Run", "title"]

GAP = "gap"  # "role" of a value that compares the wrong-class map with the right-class one
BLUR_ALONE = {"blur": {"title": "blur of RISE", "metric": "srg_probability"}}
FEW = 3  # classes, of which all maps are shown
NEGATED = "control_negated_"  # and the name of the method whose map is negated
RUNGS = ("control_random", "truth_25", "truth_50", "truth_75", "truth")  # names of maps, from chance to the truth
MAP = ["image_id", "method", "layer", "target"]


def title(manifest: dict[str, Any], name: str) -> str:
    """Title of a method, control or metric of a run, from its manifest: one line, not too long.

    A metric that failed its validation says so wherever it appears.
    """
    for kind in ("methods", "controls", "metrics"):
        if name in manifest.get(kind, {}):
            entry = manifest[kind][name]
            return label(entry["title"]) + (" (not valid)" if entry.get("validated") == "no" else "")
    return label({"scatter_gap": "Scatter gap", "dispersion_gap": "Dispersion gap"}.get(name, name))


class Run:
    """A complete run directory (docs/formats.md); files are read, and checked, when first asked for.

    Files that no report knows, beside or among its own, are left alone.

    Raises:
        ReportError: no run, another schema version, not complete, or a damaged file; it names file and field.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = read_manifest(folder)
        self._whole: set[Path] = set()  # files whose content was checked
        check_sizes(folder, self._files)

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
    def smoothed(self) -> dict[str, dict[str, Any]]:
        """Method and sigma of every smoothed map by its name; none unless they were asked for."""
        found: dict[str, dict[str, Any]] = self.manifest.get("smoothed", {})
        return found

    @property
    def substrates(self) -> dict[str, dict[str, Any]]:
        """Title and metric of every substrate under which SRG was scored; the blur alone in runs of before."""
        given: dict[str, dict[str, Any]] = self.manifest.get("substrates", BLUR_ALONE)
        return {name: entry for name, entry in given.items() if entry["metric"] in self.manifest["metrics"]}

    @property
    def layers(self) -> list[str]:
        """Layer names in the order they were given."""
        return list(self.manifest["layers"])

    @property
    def classes(self) -> list[str]:
        """Classes in the order of the logits."""
        return list(self.manifest["checkpoint"]["classes"])

    def single(self, labels: "pd.Series[str]") -> "pd.Series[bool]":
        """Which of these labels are one class; the others are several."""
        return labels.isin(self.classes)

    def title(self, name: str) -> str:
        """Title of a method, control or metric."""
        return title(self.manifest, name)

    @cached_property
    def _every_score(self) -> pd.DataFrame:
        """scores.parquet, sorted by image, so that nothing depends on the order of its rows."""
        path, frame = self._table("scores")
        names = {
            "method": [*self.methods, *self.controls, *self.smoothed],
            "metric": self.manifest["metrics"],
            **self._known,
        }
        check_names(path, frame, names)
        check_images(path, frame["image_id"], self.manifest["counts"]["scored"])
        check_labels(path, frame, self.classes)
        return self._sorted(path, frame, [*MAP, "metric"], _labels(frame))

    @cached_property
    def all_scores(self) -> pd.DataFrame:
        """The scores of methods and controls, sorted by image."""
        if not self.smoothed:
            return self._every_score
        return self._every_score[~self._every_score["method"].isin(self.smoothed)].reset_index(drop=True)

    @cached_property
    def smoothed_values(self) -> Values:
        """The scores of smoothed maps in the same tables, a column per smoothed map."""
        return Values(self._every_score[self._every_score["method"].isin(self.smoothed)].reset_index(drop=True))

    @cached_property
    def values(self) -> Values:
        """The scores as tables by layer, role and metric: a row per image, a column per method or control."""
        return Values(self.all_scores)

    @cached_property
    def labels(self) -> "pd.Series[str]":
        """Label by image id."""
        return _labels(self.all_scores)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """The scores of the methods."""
        return self.all_scores[self.all_scores["method"].isin(self.methods)].reset_index(drop=True)

    @cached_property
    def curves(self) -> pd.DataFrame:
        """curves.parquet, sorted by image, without those of undefined probability; empty where none were computed."""
        path, frame = self._table("curves")
        if frame.empty:
            return frame
        self._check_known(path, frame)
        frame = frame[[not np.isnan(values).any() for values in frame["probability"]]]
        return self._sorted(path, frame, [*MAP, "direction", "substrate"], self.labels)

    @property
    def localisation(self) -> pd.DataFrame:
        """localisation.parquet, sorted by image, read anew each time; empty where there are no masks."""
        labels = self.labels  # of the scores, which take memory to read: before the histograms do
        path, frame = self._table("localisation")
        if frame.empty:
            return frame
        self._check_known(path, frame)
        return self._sorted(path, frame, MAP, labels)

    @cached_property
    def images(self) -> pd.DataFrame:
        """images.parquet by image id, without the pictures."""
        path, frame = self._table("images")
        frame = frame.astype(dict.fromkeys(("image_id", "label", "predicted"), str)).sort_values(
            "image_id", ignore_index=True
        )
        check_once(path, frame, ["image_id"])
        check_images(path, frame["image_id"], self.manifest["counts"]["scored"])
        check_labels(path, frame, self.classes)
        check_names(path, frame, {"image_id": self.labels.index})
        if len(frame) and len(frame["probability"].iloc[0]) != len(self.classes):
            raise ReportError(f"'{path}', column 'probability' has not one value per class; score the run again")
        frame = frame.set_index("image_id")
        if not frame["label"].eq(self.labels.reindex(frame.index)).all():
            raise ReportError(f"'{path}' and scores.parquet give an image other labels; score the run again")
        return frame

    @cached_property
    def rivals(self) -> "pd.Series[str]":
        """The wrong class by id of the images of one class, as far as the scores name it."""
        wrong = distinct(self.all_scores, ["image_id", "target", "role"])
        wrong = wrong[wrong["role"].eq("wrong")].astype(str)
        return wrong.set_index("image_id")["target"]

    def roles(self, image_id: str) -> dict[str, str]:
        """Class to role of the maps of an image that have one, in the order of the classes.

        Where no score names the wrong class, it is the most probable other one.
        """
        image = self.images.loc[image_id]
        shown = shown_classes(image["label"], self.classes)
        if len(shown) > 1:
            return {name: "present" for name in self.classes if name in shown}
        chances = dict(zip(self.classes, image["probability"], strict=True))
        del chances[shown[0]]
        named = self.rivals.get(image_id) if len(chances) > 1 else None
        wrong = named or max(chances, key=chances.__getitem__)
        return {name: "right" if name in shown else "wrong" for name in self.classes if name in (*shown, wrong)}

    def shown_targets(self, image_id: str) -> list[int]:
        """Numbers of the classes whose maps are shown of an image: of more than three, those with a role."""
        if len(self.classes) <= FEW:
            return list(range(len(self.classes)))
        return [self.classes.index(name) for name in self.roles(image_id)]

    def pictures(self, ids: Iterable[str]) -> dict[str, np.ndarray]:
        """Images by id as the model saw them, (H, W, 3) uint8 each."""
        return {name: self.decoded(name, jpeg) for name, jpeg in self.jpegs(ids).items()}

    def jpegs(self, ids: Iterable[str]) -> dict[str, bytes]:
        """The same as they are kept, a twentieth of the size."""
        return dict(read_jpegs(self._checked(self.folder / "images.parquet"), set(ids)))

    def decoded(self, image_id: str, jpeg: bytes) -> np.ndarray:
        """One of them, (H, W, 3) uint8."""
        height, width = self.manifest["image_size"]
        return read_picture(self.folder / "images.parquet", image_id, jpeg, (height, width))

    @cached_property
    def skipped(self) -> pd.DataFrame:
        """skipped.csv: path, reason."""
        path = self._checked(self.folder / "skipped.csv")
        if not path.exists():
            return pd.DataFrame({"path": [], "reason": []}, dtype=str)
        return read_csv(path, ("path", "reason"))[["path", "reason"]]

    @cached_property
    def maps(self) -> dict[tuple[str, str], dict[str, np.ndarray]]:
        """Per method and layer the raw maps (K, h, w) by image id; empty where no file holds any.

        Maps are as large as their layer; those that a run was given, as large as the manifest says.
        """
        given = self.manifest["methods"]
        shapes = {
            (method, layer): (len(self.classes), *(given[method].get("size") or (shape["height"], shape["width"])))
            for method in self.methods
            for layer, shape in self.manifest["layers"].items()
        }
        for name in self._files:
            if name.startswith("maps/"):
                self._checked(self.folder / name)
        return read_maps(self.folder / "maps", shapes, self.images.index)

    @property
    def _files(self) -> Files:
        """What the run wrote; nothing is known of runs made before that was recorded."""
        files: Files = self.manifest.get("files", {})
        return files

    def _checked(self, path: Path) -> Path:
        """The path, of a file that holds what the run wrote."""
        if path not in self._whole:
            check_content(self.folder, path, self._files)
            self._whole.add(path)
        return path

    @property
    def _known(self) -> dict[str, Any]:
        return {"layer": self.layers, "target": self.classes, "role": ROLES}

    def _check_known(self, path: Path, frame: pd.DataFrame) -> None:
        check_names(path, frame, {"image_id": self.labels.index, "method": self.methods, **self._known})

    def _sorted(self, path: Path, frame: pd.DataFrame, key: list[str], labels: "pd.Series[str]") -> pd.DataFrame:
        check_roles(path, frame, labels, self.classes)
        frame = frame.sort_values(key, ignore_index=True)
        check_once(path, frame, key)
        return frame

    def _table(self, name: str) -> tuple[Path, pd.DataFrame]:
        path = self._checked(self.folder / f"{name}.parquet")
        if path.exists():
            return path, read_columns(path, name)
        if name in ("scores", "images"):
            raise ReportError(f"'{path}' is missing; score the run again")
        return path, pd.DataFrame()


def _labels(scores: pd.DataFrame) -> "pd.Series[str]":
    """Label by image id."""
    by_image = distinct(scores, ["image_id", "label"]).drop_duplicates("image_id").astype(str)
    return by_image.set_index("image_id")["label"]
