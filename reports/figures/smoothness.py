"""The figure of smoothed maps: the faithfulness of every method against how much its maps are smoothed."""

from collections.abc import Iterator

import pandas as pd
from matplotlib.figure import Figure

from reports.figures.style import finding, method_colours, panels
from reports.runs.run import Run
from reports.tables.smoothness import FAITHFULNESS


def smoothness_figure(run: Run, table: pd.DataFrame | None, said: str) -> Iterator[tuple[str, Figure]]:
    """SRG of the right class at the first layer against sigma, with 95 % intervals; the best sigma is filled."""
    if table is None:
        return
    own = table[table["metric"].eq(FAITHFULNESS) & table["role"].eq("right")]
    if own.empty:
        return
    figure, axes = panels(1, 1, 6.2, 3.2, header=0.1)
    axis = axes[0, 0]
    for method, colour in method_colours(run).items():
        rows = own[own["method"].eq(method)].sort_values("sigma")
        if rows.empty:
            continue
        axis.plot(
            rows["sigma"], rows["mean"], color=colour, marker="o", markerfacecolor="white", label=run.title(method)
        )
        axis.fill_between(rows["sigma"], rows["ci_low"], rows["ci_high"], color=colour, alpha=0.15, linewidth=0)
        best = rows[rows["best"].eq("yes")]
        axis.plot(best["sigma"], best["mean"], "o", color=colour)
    axis.set(xlabel="Gaussian over the map: standard deviation in cells", ylabel="SRG (probability), right class")
    axis.legend(loc="best", frameon=True)
    finding(figure, said.partition(":")[0] or "SRG of the right class against smoothing")
    yield "smoothness", figure
