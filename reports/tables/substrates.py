"""Does a lead in SRG hold whatever deleted pixels show, and when both methods are as smooth as suits them?"""

from itertools import combinations

import numpy as np
import pandas as pd

from metrics.statistics.comparison import Paired, paired_columns, verdict
from reports.numbers import interval_text
from reports.runs.run import Run
from reports.tables.smoothness import FAITHFULNESS, best_sigma, values_by_sigma

SUBSTRATES = [
    "substrate", "method_a", "method_b", "layer", "role", "metric", "n", "n_undefined", "mean_difference", "ci_low",
    "ci_high", "p_value", "verdict", "sigma_a", "sigma_b", "best_difference", "best_low", "best_high",
    "verdict_at_best", "full", "left", "taken", "survives",
]  # fmt: skip
UNTRIED = "not tried"
DECIDED = {"better": 1, "worse": -1}
SMOOTHED = " each at its best smoothing"
EVEN = 0.5  # probability from which a class is called whatever the others have
LITTLE = 0.3  # of what the probability has above chance: a substrate that leaves more leaves much of the evidence


def substrate_table(run: Run) -> pd.DataFrame:
    """Per substrate and pair of methods: SRG of the right class at the first layer, a - b, and what the substrate does.

    As they are (`mean_difference` to `verdict`), and each at the Gaussian that suits it (`sigma_a` to
    `verdict_at_best`; not tried without --smooth); p-values uncorrected. The check of the model's scope: `full` and
    `left` are the mean probability of the right class on the image and on the substrate alone, `taken` is
    1 - left / full, `survives` the share of the images of more than one half whose class has more than that on the
    substrate, too.
    """
    layer, rows = run.layers[0], []
    smooth = values_by_sigma(run)
    for name, entry in run.substrates.items():
        metric, scope = entry["metric"], _scope(run, name, layer)
        if (layer, "right", metric) not in set(run.values):
            continue
        plain = run.values.table(layer, "right", metric).frame(run.methods)
        sigmas = smooth.get((layer, "right", metric), {})
        for a, b in combinations([method for method in run.methods if method in plain], 2):
            found = _paired(run, plain[a], plain[b])
            direction = run.manifest["metrics"][metric]["direction"]
            numbers = (found.n, len(plain) - found.n, found.mean_difference, found.ci_low, found.ci_high, found.p_value)
            key = (name, a, b, layer, "right", metric)
            rows.append(
                (*key, *numbers, verdict(found, found.p_value, direction), *_at_best(run, sigmas, a, b), *scope)
            )
    return pd.DataFrame(rows, columns=SUBSTRATES)


def _at_best(run: Run, sigmas: dict[str, pd.DataFrame], a: str, b: str) -> tuple[object, ...]:
    """Both sigmas, difference with its interval, and verdict, each method at its own best."""
    if a not in sigmas or b not in sigmas:
        return (*[float("nan")] * 5, UNTRIED)
    best = {name: best_sigma(sigmas[name], "higher") for name in (a, b)}
    found = _paired(run, sigmas[a][best[a]], sigmas[b][best[b]])
    numbers = (found.mean_difference, found.ci_low, found.ci_high)
    return best[a], best[b], *numbers, verdict(found, found.p_value, "higher")


def _paired(run: Run, first: "pd.Series[float]", second: "pd.Series[float]") -> Paired:
    both = pd.concat([first, second], axis=1).to_numpy(float)
    return paired_columns(both[:, :1], both[:, 1:], run.seed)[0]


def _scope(run: Run, substrate: str, layer: str) -> tuple[float, float, float, float]:
    """What a substrate does to the network by itself: full, left, taken, survives; every map's curve has these ends."""
    curves = run.curves
    if curves.empty:
        return (float("nan"),) * 4
    own = curves[curves["layer"].eq(layer) & curves["role"].eq("right") & curves["substrate"].eq(substrate)]
    own = own[own["direction"].eq("deletion")].drop_duplicates("image_id")
    if own.empty:
        return (float("nan"),) * 4
    probability = np.array([(values[0], values[-1]) for values in own["probability"]])
    full, left = probability.mean(axis=0)
    sure = probability[probability[:, 0] > EVEN]
    survives = float((sure[:, 1] > EVEN).mean()) if len(sure) else float("nan")
    return float(full), float(left), float(1 - left / full), survives


def is_faithful(run: Run, table: pd.DataFrame | None, lead: int, first: str, second: str) -> tuple[bool, str]:
    """Whether a lead in SRG may be called faithfulness, and in words why, or why not.

    It may where the method leads under every substrate tried, more than the blur of RISE among them, as the methods
    are and each at its best smoothing.

    Args:
        run: the run.
        table: see `substrate_table`; None where there is none.
        lead: 1 where the first method leads under the blur, -1 where the second does.
        first: the method a.
        second: the method b.
    """
    winner = run.title(first if lead > 0 else second)
    own = pd.DataFrame(columns=SUBSTRATES) if table is None else table
    if (own["method_a"].eq(second) & own["method_b"].eq(first)).any():  # the table has them the other way round
        lead, first, second = -lead, second, first
    own = own[own["method_a"].eq(first) & own["method_b"].eq(second)]
    smoothed = own[own["verdict_at_best"].ne(UNTRIED)]
    against = [*_against(run, own, "verdict", lead, ""), *_against(run, smoothed, "verdict_at_best", lead, SMOOTHED)]
    open_ = []
    if smoothed.empty:
        open_.append("smoothness was not tried (--smooth 0.5,1,2)")
    if len(own) < 2:
        open_.append("no substrate but the blur of RISE was tried (--substrates all)")
    if against or open_:
        return False, f"{winner} is not called more faithful: {'; '.join([*against, *open_])}."
    names = ", ".join(run.substrates[name]["title"] for name in own["substrate"])
    return True, f"The lead holds under all {len(own)} substrates tried ({names}), as they are and{SMOOTHED}."


def _against(run: Run, own: pd.DataFrame, column: str, lead: int, how: str) -> list[str]:
    """What speaks against a lead: substrates under which it is not seen, and those under which it is reversed."""
    decided = own[column].map(DECIDED).fillna(0)
    found = []
    for sign, said in ((0, "no lead is shown"), (-lead, "the other method leads")):
        names = [run.substrates[name]["title"] for name in own.loc[decided.eq(sign), "substrate"]]
        if names:
            found.append(f"{said}{how} under {', '.join(names)}")
    return found


def scope_text(run: Run, table: pd.DataFrame | None) -> str:
    """A sentence on substrates that leave most of the evidence; "" where none does."""
    if table is None:
        return ""
    chance = 1 / len(run.classes)
    weak = table[(table["left"] - chance).gt(LITTLE * (table["full"] - chance))].drop_duplicates("substrate")
    said = [
        f"{run.substrates[row['substrate']]['title']} takes {row['taken']:.0%} of the probability away "
        f"({row['full']:.2f} to {row['left']:.2f}, chance is {chance:.2f}{_survival(row['survives'])})"
        for row in weak.to_dict("records")
    ]
    return f"Weak substrates: {'; '.join(said)}; what they leave is not tested." if said else ""


def _survival(share: float) -> str:
    """In how many images the class survives; nothing where none was called right to begin with."""
    return "" if np.isnan(share) else f"; the class survives in {share:.0%}"


def lead_text(table: pd.DataFrame | None, first: str, second: str) -> str:
    """The difference under every substrate in a few words; "" where only one was tried."""
    if table is None or table["substrate"].nunique() < 2:
        return ""
    own = table[table["method_a"].eq(first) & table["method_b"].eq(second) & table["metric"].ne(FAITHFULNESS)]
    said = [
        f"{row['substrate']} {interval_text(row['mean_difference'], row['ci_low'], row['ci_high'], row['n'])}"
        for row in own.to_dict("records")
    ]
    return f"Under other substrates: {'; '.join(said)}."
