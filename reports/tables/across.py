"""The same methods on several data sets or networks: where do the verdicts agree, and where not?"""

from collections.abc import Sequence

import pandas as pd

from metrics.statistics.comparison import HEADLINE_FAMILY
from reports.numbers import interval_text
from reports.runs.run import ReportError, Run
from reports.tables.comparison import comparison, verdict_text
from reports.tables.controls import NOT_TRIED, control_table
from reports.text import label

ACROSS = [
    "metric", "role", "data", "n", "n_undefined", "mean_difference", "ci_low", "ci_high", "p_holm", "verdict",
    "not_beaten_by_a", "not_beaten_by_b", "agreement",
]  # fmt: skip
DECIDED = {"better": 1, "higher": 1, "worse": -1, "lower": -1}


def across(runs: Sequence[Run]) -> pd.DataFrame:
    """Headline metrics of the first two methods, a - b, of every run side by side.

    `data` is the run's folder name; `not_beaten_by_a` lists the controls that a does not beat on the metric, those
    that were not tried marked so. Intervals hold together for the headline family of each run. `agreement` is the same
    in all rows of a metric: `agree` (at least two runs decide, all for the same method), `disagree` (decided both
    ways), `one decides`, `none decides`.

    Raises:
        ReportError: fewer than two runs, or runs of other methods.
    """
    first, second = _pair(runs)
    rows = []
    for run in runs:
        own = comparison(run)
        own = own[own["family"].eq("headline") & own["method_a"].eq(first) & own["method_b"].eq(second)]
        controls = control_table(run)
        for row in own.to_dict("records"):
            lost = [_lost(run, controls, name, row["metric"], row["role"]) for name in (first, second)]
            numbers = [row[name] for name in ("n", "n_undefined", "mean_difference", "ci_low", "ci_high", "p_holm")]
            rows.append((row["metric"], row["role"], run.folder.name, *numbers, row["verdict"], *lost, ""))
    table = pd.DataFrame(rows, columns=ACROSS)
    for _, group in table.groupby(["metric", "role"]):
        table.loc[group.index, "agreement"] = _agreement(group["verdict"].tolist())
    place = table[["metric", "role"]].apply(tuple, axis="columns").map(HEADLINE_FAMILY.index)
    return table.assign(place=place).sort_values("place", kind="stable", ignore_index=True).drop(columns="place")


def agreement_text(runs: Sequence[Run], table: pd.DataFrame) -> list[str]:
    """A sentence per headline metric: what every run says."""
    sentences = []
    for (metric, role), group in table.groupby(["metric", "role"], sort=False):
        said = [_said(run, row) for run in runs for row in group[group["data"].eq(run.folder.name)].to_dict("records")]
        name = f"{runs[0].title(str(metric))} ({role})"
        sentences.append(f"{name}: {group['agreement'].iloc[0]}. {'; '.join(said)}.")
    return sentences


def _said(run: Run, row: dict[str, object]) -> str:
    words = verdict_text(run, run.methods[0], run.methods[1], str(row["verdict"]))
    numbers = interval_text(*(float(row[key]) for key in ("mean_difference", "ci_low", "ci_high", "n")))  # type: ignore[arg-type]
    return f"{label(str(row['data']))}: {words}, {numbers}, n = {row['n']}"


def _pair(runs: Sequence[Run]) -> tuple[str, str]:
    """The two methods that every run begins with."""
    if len(runs) < 2:
        raise ReportError("one run has nothing to agree with; give at least two RUN_DIRs")
    if len({run.folder.name for run in runs}) < len(runs):
        raise ReportError("two run folders have the same name, which is how their rows are told apart; rename one")
    pairs = {tuple(run.methods[:2]) for run in runs}
    if len(pairs) > 1 or len(runs[0].methods) < 2:
        listed = "; ".join(f"'{run.folder}' {', '.join(run.methods)}" for run in runs)
        raise ReportError(f"the runs do not begin with the same two --methods: {listed}")
    return runs[0].methods[0], runs[0].methods[1]


def _lost(run: Run, controls: pd.DataFrame, method: str, metric: str, role: str) -> str:
    chosen = controls["method"].eq(method) & controls["metric"].eq(metric) & controls["role"].eq(role)
    own = controls[chosen & controls["layer"].eq(run.layers[0]) & controls["beats"].isin(["no", NOT_TRIED])]
    marks = own["beats"].map({"no": "", NOT_TRIED: f" ({NOT_TRIED})"})
    return ", ".join(own["control"] + marks)


def _agreement(verdicts: Sequence[str]) -> str:
    decided = [DECIDED[verdict] for verdict in verdicts if verdict in DECIDED]
    if len(decided) < 2:
        return "one decides" if decided else "none decides"
    return "agree" if len(set(decided)) == 1 else "disagree"
