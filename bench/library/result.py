"""What a call gives back: tables, maps, figures and a report, read from a run directory of its own."""

import json
import shutil
import weakref
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from bench.engine.tables import SCHEMAS
from bench.errors import ConfigError
from bench.run.store import MANIFEST, locked
from reports import Run, figure_of, overview, render, tables_of, text_of
from reports.files import write_atomic


class Result:
    """Scores of a call of `evaluate`. All is in a temporary run directory, which goes when the result does.

    Attributes:
        run: the run directory, opened, as any other; `run.manifest` says what was computed, on what, by what.
    """

    def __init__(self, folder: Path, ids: Sequence[str]) -> None:
        """Opens the directory, which belongs to the result from now on.

        Args:
            folder: of the run.
            ids: of the images, in the order in which they were given.
        """
        weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        self._ids, self.run = tuple(ids), Run(folder)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """scores.parquet: image_id, label, predicted, method, layer, target, role, metric, value; controls too."""
        return self._table("scores")

    @cached_property
    def curves(self) -> pd.DataFrame:
        """curves.parquet: per image, method, layer, target, role, direction and substrate; fraction and values."""
        return self._table("curves")

    @cached_property
    def maps(self) -> dict[tuple[str, str], np.ndarray]:
        """Per method and layer the raw maps (N, K, h, w), at least 0, in the order of the images."""
        return {key: np.stack([found[name] for name in self._ids]) for key, found in self.run.maps.items()}

    def summary(self) -> pd.DataFrame:
        """A row per method or control, layer, role and metric: counts, mean, median, 95 % interval of the mean."""
        return self._tables["summary"].copy()

    def comparison(self) -> pd.DataFrame:
        """A row per pair of methods, layer, role and metric: the difference, paired by image, and a verdict."""
        return self._tables["comparison"].copy()

    def figure(self, name: str = "curves") -> Figure:
        """A figure of the report: that of this name, else the first whose name begins so.

        Raises:
            ReportError: there is none; the message gives the names.
        """
        return figure_of(self.run, self._tables, name)

    def report(self, folder: str | Path) -> Path:
        """Writes a run directory with tables, figures and a page, as cambench run does.

        Args:
            folder: a new one.

        Returns:
            The page.

        Raises:
            ConfigError: the folder is not empty, or cannot be written.
        """
        target = Path(folder)
        if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
            raise ConfigError(f"folder '{target}' is there and not empty; name a new one for the report")
        source, manifest = self.run.folder, self.run.manifest
        with locked(target):
            for path in sorted(source.iterdir()):
                if path.is_dir():
                    shutil.copytree(path, target / path.name)
                elif path.suffix in (".parquet", ".csv"):
                    shutil.copyfile(path, target / path.name)
            said = {**manifest, "config": {**manifest["config"], "out": str(target)}}
            write_atomic(target / MANIFEST, (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode())
            return render(target)

    def __str__(self) -> str:
        """The headline rows and the findings in words."""
        return text_of(self.run, self._tables)

    def _repr_html_(self) -> str:
        """The same for a notebook."""
        return overview(self.run, self._tables)

    @cached_property
    def _tables(self) -> dict[str, pd.DataFrame]:
        return tables_of(self.run)

    def _table(self, name: str) -> pd.DataFrame:
        path = self.run.folder / f"{name}.parquet"
        return pd.read_parquet(path) if path.exists() else SCHEMAS[name].empty_table().to_pandas()
