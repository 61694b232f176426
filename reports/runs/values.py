"""Scores as tables, a row per image and a column per method: each made once, from one look at the rows."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Key = tuple[str, str, str]  # layer, role, metric
KEY = ["layer", "role", "metric"]


@dataclass(frozen=True)
class Table:
    """Values of one layer, role and metric.

    Attributes:
        images: ids, sorted, of which any method or control has a row.
        places: of these images among `Values.images`.
        methods: names, sorted, of methods and controls that have a row.
        values: (images, methods); NaN where undefined, and where there is no row. On an image of several classes the
            mean over their maps, NaN where it is undefined for one of them.
        given: where there is a row, (images, methods).
    """

    images: pd.Index
    places: NDArray[np.intp]
    methods: list[str]
    values: NDArray[np.float64]
    given: NDArray[np.bool_]

    def frame(self, methods: Collection[str] | None = None) -> pd.DataFrame:
        """The values of these methods, those that have any, on the images that any of them has; None: of all."""
        columns = [place for place, name in enumerate(self.methods) if methods is None or name in methods]
        given = self.given[:, columns].any(axis=1)
        values, images = self.values[:, columns] + 0.0, self.images  # a zero is a zero, whatever its sign
        if not given.all():
            values, images = values[given], images[given]
        names = pd.Index([self.methods[place] for place in columns], name="method", dtype=str)
        return pd.DataFrame(values, index=images, columns=names)


class Values:
    """The tables of a run by layer, role and metric, in the order of the names.

    Args:
        scores: `Run.all_scores`, sorted by image.

    Attributes:
        images: ids of all images, sorted.
    """

    def __init__(self, scores: pd.DataFrame) -> None:
        self._scores = scores
        self.images = scores["image_id"].cat.categories.astype(str)
        self._image, self._method = (scores[name].cat.codes.to_numpy() for name in ("image_id", "method"))
        self._tables: dict[Key, Table] = {}
        codes = [scores[name].cat.codes.to_numpy(np.int32) for name in KEY]
        sizes = [len(scores[name].cat.categories) for name in KEY]
        joint = np.ravel_multi_index(codes, sizes) if len(scores) else np.empty(0, dtype=np.int64)
        order = np.argsort(joint, kind="stable").astype(np.int32)
        found, starts = np.unique(joint[order], return_index=True)
        names = [scores[name].cat.categories for name in KEY]
        places = zip(*np.unravel_index(found, sizes), strict=True) if len(found) else ()
        keys = [tuple(str(own[place]) for own, place in zip(names, at, strict=True)) for at in places]
        self._rows: dict[Key, NDArray[np.int32]] = dict(
            zip(keys, np.split(order, starts[1:]), strict=True)  # type: ignore[arg-type]
        )

    def __iter__(self) -> Iterator[Key]:
        return iter(self._rows)

    def called(self) -> NDArray[np.object_]:
        """The predicted class of every image."""
        first = np.unique(self._image, return_index=True)[1]
        return self._scores["predicted"].iloc[first].astype(str).to_numpy(object)

    def rows(self, key: Key) -> pd.DataFrame:
        """The scores of a layer, role and metric as they are; no row where there are none."""
        return self._scores.iloc[self._rows.get(key, np.empty(0, dtype=np.int32))]

    def layers(self, metric: str, role: str) -> list[str]:
        """Layers that have such values."""
        return [layer for layer, *other in self._rows if other == [role, metric]]

    def table(self, layer: str, role: str, metric: str) -> Table:
        """The table of a layer, role and metric.

        Raises:
            KeyError: there is none.
        """
        key = (layer, role, metric)
        if key not in self._tables:
            self._tables[key] = self._averaged(key) if role == "present" else self._placed(key)
        return self._tables[key]

    def _placed(self, key: Key) -> Table:
        """One map per image and method."""
        rows = self._rows[key]
        images, row = np.unique(self._image[rows], return_inverse=True)
        methods, column = np.unique(self._method[rows], return_inverse=True)
        values = np.full((len(images), len(methods)), np.nan)
        given = np.zeros(values.shape, dtype=bool)
        values[row, column], given[row, column] = self._scores["value"].to_numpy()[rows], True
        whole = len(images) == len(self.images)
        names = [str(name) for name in self._scores["method"].cat.categories[methods]]
        return Table(self.images if whole else self.images[images], images, names, values, given)

    def _averaged(self, key: Key) -> Table:
        """As many maps per image and method as there are classes in the picture."""
        found = self.rows(key).groupby(["image_id", "method"], observed=True)["value"]
        size = found.size()
        wide = found.mean().where(found.count().eq(size)).unstack("method")
        given = size.unstack("method").notna().to_numpy()
        images, names = wide.index.astype(str), [str(name) for name in wide.columns]
        return Table(images, self.images.get_indexer(images), names, wide.to_numpy(float), given)
