"""Does the answer depend on which images are asked? The headline comparisons within parts of the data set."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import pandas as pd

from metrics.statistics.comparison import HEADLINE_FAMILY
from metrics.statistics.intervals import balanced_mean, change_interval
from reports.runs.run import Run
from reports.tables.dispersion import class_stratum
from reports.tables.summary import in_order

CONFIDENT = 0.9
STRATA = [
    "method_a", "method_b", "layer", "role", "metric", "stratum", "n", "mean_difference", "ci_low", "ci_high",
]  # fmt: skip


def strata(run: Run) -> pd.DataFrame:
    """Headline metrics, paired by image, in strata: a - b with its 95 % interval; exploratory, without tests.

    Strata: `balanced` (all classes that have images weighted the same), the name of a class (its images), `called
    right`, `called wrong`, `confident` (the largest probability is at least 0.9), `not confident`. Images of several
    classes have a role of their own.
    """
    rows, groups = [], dict(_groups(run))
    for metric, role in HEADLINE_FAMILY:
        for layer in run.values.layers(metric, role):
            table = run.values.table(layer, role, metric)
            for first, second in combinations([name for name in run.methods if name in table.methods], 2):
                difference = np.full(len(run.values.images), np.nan)
                a, b = (table.values[:, table.methods.index(name)] for name in (first, second))
                difference[table.places] = a - b
                for name, members in groups.items():
                    parts = [own for places in members if len(own := _defined(difference[places]))]
                    if len(parts) >= (2 if name == "balanced" else 1):
                        low, high = change_interval(parts)
                        numbers = (sum(map(len, parts)), balanced_mean(parts), low, high)
                        rows.append((first, second, layer, role, metric, name, *numbers))
    return in_order(run, pd.DataFrame(rows, columns=STRATA))


def _groups(run: Run) -> Iterator[tuple[str, list[np.ndarray]]]:
    """Name and places of the images of every stratum; `balanced` has a group per class."""
    images = run.images.loc[run.values.images]
    single, right = run.single(images["label"]), images["label"] == images["predicted"]
    confident = images["probability"].map(max) >= CONFIDENT
    by_label = {label: images["label"] == label for label in run.classes}
    parts = {
        **{class_stratum(label): own for label, own in by_label.items()},
        "called right": single & right,
        "called wrong": single & ~right,
        "confident": confident,
        "not confident": ~confident,
    }
    yield "balanced", [np.flatnonzero(own) for own in by_label.values()]
    yield from ((name, [np.flatnonzero(chosen)]) for name, chosen in parts.items())


def _defined(values: np.ndarray) -> np.ndarray:
    return values[~np.isnan(values)]
