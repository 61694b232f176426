"""The scores of one method at one layer side by side: a row per image of one class, a column per metric and role."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from reports.runs.run import Run
from reports.runs.values import Table


def wide_scores(run: Run, method: str, layer: str) -> pd.DataFrame:
    """Scores of one method at one layer on images of one class.

    A row per image, columns `metric_role`, `label`, `predicted`, and `rival`: the wrong class, "" if no score is its.
    """
    count = len(run.values.images)
    columns, seen, rivalled = {}, np.zeros(count, dtype=bool), np.zeros(count, dtype=bool)
    for metric, role, table, place in _tables(run, method, layer):
        columns[f"{metric}_{role}"] = column = np.full(count, np.nan)
        column[table.places] = table.values[:, place]
        seen[table.places] |= table.given[:, place]
        if role == "wrong":
            rivalled[table.places] |= table.given[:, place]
    wide = pd.DataFrame({name: column[seen] for name, column in columns.items()}, index=run.values.images[seen])
    named = pd.Series(rivalled[seen], index=wide.index, dtype=bool)
    rivals = run.rivals.reindex(wide.index).where(named).fillna("")
    return wide.assign(label=run.labels.reindex(wide.index), predicted=run.values.called()[seen], rival=rivals)


def _tables(run: Run, method: str, layer: str) -> Iterator[tuple[str, str, Table, int]]:
    """Metric, role and table of the right and wrong class's maps at a layer, and the method's column in it."""
    for found, role, metric in run.values:
        if found == layer and role != "present":
            table = run.values.table(layer, role, metric)
            if method in table.methods:
                yield metric, role, table, table.methods.index(method)


def given(run: Run, method: str, layer: str) -> dict[str, np.ndarray]:
    """Which rows of `wide_scores` the method has a row of, be it undefined, by metric: some have no head box, say."""
    found: dict[str, np.ndarray] = {}
    seen = np.zeros(len(run.values.images), dtype=bool)
    for metric, _, table, place in _tables(run, method, layer):
        found.setdefault(metric, np.zeros(len(seen), dtype=bool))[table.places] |= table.given[:, place]
        seen |= found[metric]
    return {metric: own[seen] for metric, own in found.items()}
