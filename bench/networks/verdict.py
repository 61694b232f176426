"""A network of 1,000 outputs on all photographs of the pets: accuracy, and what its run says of the two methods."""

from pathlib import Path

import pandas as pd

from bench.config import RunConfig, load_config
from bench.networks.entries import Entry
from bench.networks.measure import accuracy
from bench.run.pipeline import run as run_all
from reports import Run
from reports.numbers import interval_text

STEPS = 8
COLUMNS = ("metric", "role", "n", "Grad-CAM minus LayerCAM [95 % interval]", "p, corrected by Holm", "verdict")


def options(weights: Path, data: Path, out: Path) -> RunConfig:
    """What one gives `cambench run`."""
    said = {"data_root": str(data), "weights": str(weights), "out": str(out), "resume": True}
    return load_config(None, {"dataset": "oxford-iiit-pet", "split": "test", "steps": STEPS, "workers": 0, **said})


def verdict(entry: Entry, weights: Path, data: Path, out: Path) -> str:
    """Markdown: a sentence on accuracy, and the headline family of the comparison; goes on where it was interrupted.

    Args:
        entry: the network.
        weights: folder of trained weights.
        data: folder of the data sets.
        out: folder of the run.

    Raises:
        ConfigError, WeightsError, LayerError, MethodError: as of `cambench run`.
    """
    run_all(options(weights / str(entry.file), data, out))
    run = Run(out)
    count, share = len(run.images), accuracy(run)
    table = pd.read_csv(out / "tables" / "comparison.csv")
    said = f"{entry.title} calls {round(share * count)} of {count} photographs right: accuracy {share:.3f}."
    return f"{said}\n\n{shown(table)}"


def shown(table: pd.DataFrame) -> str:
    """The headline family of a comparison, a row per metric and role."""
    headline = table[table["family"] == "headline"]
    lines = [COLUMNS, ("---",) * len(COLUMNS)]
    for row in headline.to_dict("records"):
        difference = interval_text(row["mean_difference"], row["ci_low"], row["ci_high"])
        cells = (row["metric"], row["role"], row["n"], difference, f"{row['p_holm']:.4f}", row["verdict"])
        lines.append(tuple(map(str, cells)))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
