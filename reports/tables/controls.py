"""Does every method beat every control? A method that does not is said so."""

from collections.abc import Iterator

import pandas as pd

from metrics.statistics.comparison import HEADLINE_FAMILY, paired_columns, verdict
from reports.runs.run import NEGATED, Run
from reports.tables.summary import in_order

NOT_TRIED = "not tried"
CONTROLS = [
    "method", "control", "layer", "role", "metric", "n", "n_undefined", "mean_difference", "ci_low", "ci_high",
    "p_value", "beats",
]  # fmt: skip


def control_table(run: Run) -> pd.DataFrame:
    """Per method, control and layer, on the headline metrics and those of ground truth: method - control by image.

    A method beats a control where p < 0.05 for the mean difference and that is in the metric's better direction, as are
    the ranks (uncorrected, which makes it easier to beat one: who does not is flagged rightly; with fewer than 8 images
    that differ nobody does). A negated map is a control of its own method alone. A control that has no value of the
    metric was not tried; one that has some is compared on the images where it was asked (`n` and `n_undefined` of
    them).
    """
    rows = []
    for metric, role in _asked(run):
        for layer in run.values.layers(metric, role):
            found_values = run.values.table(layer, role, metric)
            values, given = found_values.frame(), dict(zip(found_values.methods, found_values.given.T, strict=True))
            pairs = list(_pairs(run, values))
            tried = [pair for pair in pairs if pair[1] in values]
            ours, theirs = (values[[pair[place] for pair in tried]].to_numpy(float) for place in (0, 1))
            compared = dict(zip(tried, paired_columns(ours, theirs, run.seed), strict=True))
            for method, control in pairs:
                if (method, control) not in compared:
                    rows.append((method, control, layer, role, metric, 0, 0, *[float("nan")] * 4, NOT_TRIED))
                    continue
                found = compared[method, control]
                said = verdict(found, found.p_value, run.manifest["metrics"][metric]["direction"])
                beats = {"better": "yes", "undefined": "undefined"}.get(said, "no")
                asked = int((given[method] & given[control]).sum())
                numbers = (found.n, asked - found.n, found.mean_difference, found.ci_low, found.ci_high)
                rows.append((method, control, layer, role, metric, *numbers, found.p_value, beats))
    return in_order(run, pd.DataFrame(rows, columns=CONTROLS))


def unbeaten(run: Run, table: pd.DataFrame) -> list[str]:
    """A sentence per method on the metrics and controls, at the first layer, that it does not beat."""
    sentences = []
    for method in run.methods:
        own = table[table["method"].eq(method) & table["layer"].eq(run.layers[0])]
        lost, untried = own[own["beats"].eq("no")], own[own["beats"].eq(NOT_TRIED)]
        if own.empty:
            continue
        listed = [
            f"{run.title(str(metric))} of the {role} class ({_named(run, group)})"
            for (metric, role), group in lost.groupby(["metric", "role"], sort=False)
        ]
        every = "every control that was tried" if len(untried) else "every control"
        said = f"does not beat {every}: {'; '.join(listed)}" if listed else f"beats {every}"
        open_ = sorted({run.title(str(metric)) for metric in untried["metric"]})
        also = f" Not tried on {', '.join(open_)}: --controls all does." if open_ else ""
        sentences.append(f"{run.title(method)} {said}.{also}")
    return sentences


def _named(run: Run, lost: pd.DataFrame) -> str:
    """The controls, or how many where there are more than two."""
    return ", ".join(run.title(name) for name in lost["control"]) if len(lost) < 3 else f"{len(lost)} controls"


def _asked(run: Run) -> Iterator[tuple[str, str]]:
    """Metrics with a better direction that controls have too, each with its role."""
    metrics = run.manifest["metrics"]
    ranked = [name for name, metric in metrics.items() if metric["direction"] != "none"]
    yield from ((name, role) for name, role in HEADLINE_FAMILY if name in ranked)
    yield from ((name, role) for name in ranked if metrics[name]["family"] == "truth" for role in ("right", "present"))


def _pairs(run: Run, values: pd.DataFrame) -> Iterator[tuple[str, str]]:
    for method in run.methods:
        for control in run.controls:
            rival = not control.startswith(NEGATED) or control == f"{NEGATED}{method}"
            if rival and method in values:
                yield method, control
