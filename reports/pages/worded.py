"""Tables of the page that say in words what others say in columns."""

import pandas as pd

from reports.numbers import interval_text
from reports.runs.run import GAP, Run
from reports.tables.comparison import verdict_text


def verdicts(run: Run, comparison: pd.DataFrame) -> pd.DataFrame:
    """The headline family in words: who is better at what, by how much, how sure."""
    rows = []
    for row in comparison[comparison["family"].eq("headline")].to_dict("records"):
        first, second = run.title(row["method_a"]), run.title(row["method_b"])
        said = verdict_text(run, row["method_a"], row["method_b"], row["verdict"])
        difference = interval_text(row["mean_difference"], row["ci_low"], row["ci_high"], row["n"])
        least = "nothing: too few images" if pd.isna(row["detectable"]) else f"{row['detectable']:.3f}"
        p = "" if pd.isna(row["p_holm"]) else f"{row['p_holm']:.2g}"
        role = "wrong minus right" if row["role"] == GAP else row["role"]
        rows.append((run.title(row["metric"]), role, said, f"{first} - {second}: {difference}", row["n"], p, least))
    columns = [
        "metric",
        "maps",
        "verdict",
        "difference [interval, 95 % for all together]",
        "n",
        "p (Holm)",
        "could have shown",
    ]
    return pd.DataFrame(rows, columns=columns)


def questions(run: Run, table: pd.DataFrame) -> pd.DataFrame:
    """The gaps in words; strata of single classes and targets are in the file alone."""
    shown = table[table["stratum"].isin(["balanced", "called right", "called wrong", "by call"])]
    shown = table if shown.empty else shown
    rows = [
        (
            run.title(row["method"]),
            row["layer"],
            row["question"],
            run.title(row["statistic"]),
            row["stratum"],
            row["n"],
            row["n_undefined"],
            row["right"],
            interval_text(row["wrong"], row["wrong_low"], row["wrong_high"]),
            interval_text(row["gap"], row["ci_low"], row["ci_high"]),
            "" if pd.isna(row["gap_least"]) else f"{row['gap_least']:.3f} to {row['gap_most']:.3f}",
            "" if pd.isna(row["mirror"]) else f"{row['mirror']:.3f}",
        )
        for row in shown.to_dict("records")
    ]
    columns = [
        "method", "layer", "question", "measured by", "images", "n", "undefined", "right class", "wrong class",
        "wrong - right", "whatever undefined ones are", "mirror",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def glossary(run: Run) -> pd.DataFrame:
    """What every metric of the run means."""
    rows = [
        (
            run.title(name),
            metric["direction"],
            _range(metric["range"]),
            metric["unit"],
            metric["meaning"],
            metric["source"],
        )
        for name, metric in run.manifest["metrics"].items()
    ]
    return pd.DataFrame(rows, columns=["metric", "better", "range", "unit", "meaning", "source"])


def _range(bounds: list[float | None]) -> str:
    low, high = ("unbounded" if bound is None else f"{bound:.3g}" for bound in bounds)
    return f"{low} to {high}"
