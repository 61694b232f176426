"""The figure of substrates: a lead in SRG under each, as the maps are and each at its best smoothing."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from reports.figures.style import BAR_COLOUR, finding, panels
from reports.runs.run import Run
from reports.tables.substrates import DECIDED, UNTRIED, is_faithful

SMOOTH_COLOUR = "#d55e00"


def substrate_figure(run: Run, table: pd.DataFrame | None) -> Iterator[tuple[str, Figure]]:
    """Difference of the first two methods under every substrate with 95 % intervals; nothing for a single one."""
    if table is None or table["substrate"].nunique() < 2:
        return
    first, second = table["method_a"].iloc[0], table["method_b"].iloc[0]
    own = table[table["method_a"].eq(first) & table["method_b"].eq(second)]
    figure, axes = panels(1, 1, 5.4, 0.45 * len(own) + 0.3, header=0.2)
    width = 5.4 + 2.6
    figure.set_figwidth(width)
    figure.subplots_adjust(left=2.45 / width, right=1 - 0.15 / width)
    axis, places = axes[0, 0], np.arange(len(own))
    axis.axvline(0, color="0.3", linewidth=1)
    shown = [("mean_difference", "ci_low", "ci_high", -0.1, BAR_COLOUR, "as they are")]
    if own["verdict_at_best"].ne(UNTRIED).any():
        shown.append(("best_difference", "best_low", "best_high", 0.15, SMOOTH_COLOUR, "each at its best smoothing"))
    for mean, low, high, shift, colour, name in shown:
        axis.hlines(places + shift, own[low], own[high], color=colour, linewidth=2)
        axis.plot(own[mean], places + shift, "o", color=colour, markersize=5, label=name)
    names = [
        f"{run.substrates[row['substrate']]['title']} (takes {row['taken']:.0%})" for row in own.to_dict("records")
    ]
    axis.set_yticks(places, names)
    a, b = run.title(str(first)), run.title(str(second))
    axis.set(ylim=(len(own) - 0.5, -0.5), xlabel=f"SRG of the right class, {a} minus {b}")
    axis.grid(axis="y", visible=False)
    axis.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, fontsize="x-small", frameon=False)
    lead = DECIDED.get(str(own["verdict"].iloc[0]), 0)
    said = is_faithful(run, table, lead, str(first), str(second))[1] if lead else "No lead under the blur of RISE"
    finding(figure, said.partition(" (")[0])
    yield "substrates", figure
