"""Does the answer depend on which images are asked? The headline comparisons within parts of the data set."""

from collections.abc import Iterator
from itertools import combinations

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
    rows = []
    for metric, role in HEADLINE_FAMILY:
        for layer in run.values.layers(metric, role):
            wide = run.values.table(layer, role, metric).frame(run.methods)
            methods = [name for name in run.methods if name in wide]
            for first, second in combinations(methods, 2):
                difference = (wide[first] - wide[second]).dropna()
                for name, groups in _groups(run, difference):
                    low, high = change_interval(groups)
                    count = sum(map(len, groups))
                    rows.append((first, second, layer, role, metric, name, count, balanced_mean(groups), low, high))
    return in_order(run, pd.DataFrame(rows, columns=STRATA))


def _groups(run: Run, difference: pd.Series) -> Iterator[tuple[str, list[pd.Series]]]:
    """Name and members of every stratum that has any; `balanced` has a group per class, at least two."""
    images = run.images.loc[difference.index]
    single = run.single(images["label"])
    by_label = [group for label in run.classes if len(group := difference[images["label"] == label])]
    if len(by_label) > 1:
        yield "balanced", by_label
    confident = images["probability"].map(max) >= CONFIDENT
    parts = {
        **{class_stratum(label): images["label"] == label for label in run.classes},
        "called right": single & (images["label"] == images["predicted"]),
        "called wrong": single & (images["label"] != images["predicted"]),
        "confident": confident,
        "not confident": ~confident,
    }
    yield from ((name, [difference[chosen]]) for name, chosen in parts.items() if chosen.any())
