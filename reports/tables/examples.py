"""Images on which a method does well and badly against the others: what a difference looks like."""

from dataclasses import dataclass

import numpy as np

from reports.runs.run import Run
from reports.tables.ranking import ASKED

SHOWN = 2  # of each kind


@dataclass(frozen=True)
class Examples:
    """Where one method is furthest ahead of the mean of the others, and furthest behind.

    Attributes:
        method: its name.
        metric: by which.
        role: of the maps.
        wins: image ids, the clearest first.
        losses: likewise.
    """

    method: str
    metric: str
    role: str
    wins: list[str]
    losses: list[str]


def examples(run: Run) -> list[Examples]:
    """Of every method at the first layer, by the first of `ASKED` that was scored; none of a single method."""
    for metric, role in ASKED:
        if (run.layers[0], role, metric) not in run.values or not run.maps:
            continue
        table = run.values.table(run.layers[0], role, metric)
        wide = table.frame(run.methods).dropna(axis="columns", how="all").dropna()
        if wide.shape[1] < 2 or wide.empty:
            continue
        sign = -1 if run.manifest["metrics"][metric]["direction"] == "lower" else 1
        values = sign * wide.to_numpy()
        others = (values.sum(axis=1, keepdims=True) - values) / (values.shape[1] - 1)
        names = [str(name) for name in wide.index]
        return [
            Examples(str(method), metric, role, *_ends(names, lead))
            for method, lead in zip(wide.columns, (values - others).T, strict=True)
        ]
    return []


def _ends(names: list[str], lead: np.ndarray) -> tuple[list[str], list[str]]:
    """Names of the largest leads above 0, and of the smallest below."""
    order = np.argsort(-lead, kind="stable")
    wins = [names[place] for place in order[:SHOWN] if lead[place] > 0]
    losses = [names[place] for place in order[::-1][:SHOWN] if lead[place] < 0]
    return wins, losses
