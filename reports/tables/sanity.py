"""Does a map depend on the network at all? Parameter randomisation as a gate that is passed or not, never a ranking."""

import pandas as pd

from reports.runs.run import NEGATED, Run
from reports.tables.summary import in_order

CHECKS = {
    "logit_similarity": "the last layer",
    "cascade_similarity": "the cascade",
    "randomised_similarity": "every layer",
}
LIMIT = 0.5  # of Spearman's rho, a convention: half way between another map and the same one
SANITY = ["method", "layer", "metric", "n", "n_undefined", "mean", "ci_low", "ci_high", "passes"]


def sanity(run: Run, summary: pd.DataFrame) -> pd.DataFrame:
    """Per method, control and layer the similarity of maps before and after parameters were shuffled, right class.

    `passes` is yes where the 95 % interval of the mean lies below 0.5, no where it does not lie below and the mean is
    0.5 or more, else undecided. Sobel edges and random cells show no network and have to fail; if they pass the gate
    is broken.

    Args:
        run: the run.
        summary: its table of means.
    """
    asked = summary["metric"].isin(CHECKS) & summary["role"].eq("right")
    table = summary[asked & ~summary["method"].str.startswith(NEGATED)]
    rows = [
        (*(row[name] for name in SANITY[:-1]), _passes(row["mean"], row["ci_high"])) for row in table.to_dict("records")
    ]
    return in_order(run, pd.DataFrame(rows, columns=SANITY))


def gate_text(run: Run, table: pd.DataFrame) -> list[str]:
    """A sentence per method on the gate at the first layer, and one on a control that should have failed it."""
    own = table[table["layer"].eq(run.layers[0])]
    said = [_sentence(run, method, own[own["method"].eq(method)]) for method in run.methods]
    passed = own[own["method"].isin(run.controls) & own["passes"].eq("yes")]
    if len(passed):
        name = run.title(passed["method"].iloc[0])
        said.append(f"The randomisation gate tells nothing here: {name}, which knows no network, passes it.")
    return [sentence for sentence in said if sentence]


def _sentence(run: Run, method: str, rows: pd.DataFrame) -> str:
    if rows.empty:
        return ""
    by = {
        verdict: [
            f"{CHECKS[row['metric']]} shuffled (similarity {row['mean']:.2f})"
            for row in rows[rows["passes"].eq(verdict)].to_dict("records")
        ]
        for verdict in ("no", "undecided")
    }
    if by["no"]:
        return f"{run.title(method)} fails the randomisation gate: its map stays with {' and '.join(by['no'])}."
    if by["undecided"]:
        return f"The randomisation gate cannot judge {run.title(method)}: {' and '.join(by['undecided'])}."
    return f"{run.title(method)} passes the randomisation gate, which ranks nothing."


def _passes(mean: float, high: float) -> str:
    if high < LIMIT:
        return "yes"
    return "no" if mean >= LIMIT else "undecided"
