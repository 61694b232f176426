"""Does a metric rank a map made from the truth above a random one, and mixtures in between? Asked of every metric."""

import numpy as np
import pandas as pd
from scipy import stats

from metrics.statistics.intervals import mean_interval
from reports.runs.run import RUNGS, Run

VALIDATION = [
    "metric", "role", "better", "n", *RUNGS, "gain", "ci_low", "ci_high", "win_rate", "spearman", "verdict",
]  # fmt: skip


def validation(run: Run) -> pd.DataFrame:
    """One row per metric that has a better direction, and role, of a run that scored the whole ladder.

    `gain` is the mean over images of truth minus random, positive where the metric prefers the truth, with its 95 %
    interval; `win_rate` the share of images where it does, ties half; `spearman` the mean over images of the rank
    correlation of a metric's five values with the share of truth. The verdict is yes where the interval of the gain is
    above 0 and the five means rise step by step, partly where only the first holds, undefined without an interval,
    else no.
    """
    directions = {name: metric["direction"] for name, metric in run.manifest["metrics"].items()}
    ranked = [name for name, direction in directions.items() if direction != "none"]
    rows = []
    for metric in ranked:
        for role in ("right", "present"):
            if (run.layers[0], role, metric) not in run.values:
                continue
            values = run.values.table(run.layers[0], role, metric).frame(run.methods)[list(RUNGS)].dropna().to_numpy()
            sign = 1 if directions[metric] == "higher" else -1
            rows.append((metric, role, directions[metric], len(values), *_row(values, sign)))
    table = pd.DataFrame(rows, columns=VALIDATION)
    order = {"metric": ranked.index, "role": ["right", "present"].index}
    return table.sort_values(["metric", "role"], key=lambda c: c.map(order[str(c.name)]), ignore_index=True)


def _row(values: np.ndarray, sign: int) -> tuple[object, ...]:
    """Means of the five rungs, then gain, interval, win rate, Spearman, verdict; (n, 5) values."""
    if len(values) < 2:
        return (*[np.nan] * (len(RUNGS) + 5), "undefined")
    means, better = values.mean(axis=0), sign * values
    gains = better[:, -1] - better[:, 0]
    low, high = mean_interval(gains)
    wins = ((gains > 0) + 0.5 * (gains == 0)).mean()
    rising = bool((np.diff(better.mean(axis=0)) > 0).all())
    judged = not np.isnan(low) or not gains.any()  # whoever never looks at the map needs no interval
    verdict = "undefined" if not judged else "no" if not low > 0 else "yes" if rising else "partly"
    return (*means, gains.mean(), low, high, wins, _rank_correlation(better), verdict)


def _rank_correlation(better: np.ndarray) -> float:
    """Mean over rows of Spearman's rho with 0, 1, 2, 3, 4; 0 for a row that is constant."""
    ranks = stats.rankdata(better, axis=1) - (better.shape[1] + 1) / 2
    rungs = np.arange(better.shape[1]) - (better.shape[1] - 1) / 2
    norm = np.sqrt((ranks**2).sum(axis=1) * (rungs**2).sum())
    return float(np.divide(ranks @ rungs, norm, out=np.zeros(len(ranks)), where=norm > 0).mean())
