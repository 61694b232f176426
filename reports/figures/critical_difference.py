"""Critical-difference diagrams: which rivals can be told apart by their mean ranks."""

from collections.abc import Iterator

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metrics.statistics.mean_ranks import indistinct
from reports.figures.style import finding, named_ticks, panels
from reports.runs.run import Run

STEP = 0.42  # between labels, in units of the panel's y axis


def critical_difference_figure(run: Run, ranks: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """A diagram per headline metric at the first layer; none where there are fewer than two rivals or images."""
    own = ranks[ranks["layer"].eq(run.layers[0]) & ranks["rivals"].gt(1) & ranks["n"].gt(1)]
    groups = [group for _, group in own.groupby(["metric", "role"], sort=False)]
    if not groups:
        return
    most = max(len(group) for group in groups)
    figure, axes = panels(len(groups), 1, 7.2, 0.7 + 0.2 * ((most + 1) // 2))
    for axis, group in zip(axes[:, 0], groups, strict=True):
        _diagram(run, axis, group.sort_values("mean_rank", kind="stable"))
    first = {run.title(str(group.sort_values("mean_rank", kind="stable")["method"].iloc[0])) for group in groups}
    said = f"{min(first)} ranks first on every metric" if len(first) == 1 else "Nobody ranks first on every metric"
    finding(figure, f"{said}; a bar joins rivals that these images cannot tell apart")
    yield "critical_difference", figure


def _diagram(run: Run, axis: Axes, group: pd.DataFrame) -> None:
    """Mean ranks on a line, the best on the left; labels hang below it, the better half left, the others right."""
    ranks, names = group["mean_rank"].to_numpy(), [run.title(name) for name in group["method"]]
    count, distance = len(ranks), float(group["critical_difference"].iloc[0])
    margin = 0.45 * (count - 1) + 0.2
    low, high = 1 - margin, count + margin
    axis.plot([1, count], [0, 0], color="0.2", linewidth=1)
    for place, (rank, name) in enumerate(zip(ranks, names, strict=True)):
        left = place < (count + 1) // 2
        depth = -STEP * (1.4 + (place if left else count - 1 - place))
        edge = 1 - 0.1 * margin if left else count + 0.1 * margin
        axis.plot([rank, rank, edge], [0, depth, depth], color="0.45", linewidth=1)
        axis.plot(rank, 0, "o", color="black", markersize=4)
        label = f"{name}  {rank:.2f} " if left else f" {rank:.2f}  {name}"
        axis.text(edge, depth, label, ha="right" if left else "left", va="center", fontsize="small")
    for level, (first, last) in enumerate(indistinct(ranks, distance)):
        height = -STEP * (0.35 + 0.3 * level)
        axis.plot([ranks[first], ranks[last]], [height, height], color="black", linewidth=3, solid_capstyle="butt")
    top = STEP * 1.2
    axis.plot([1, 1 + distance], [top, top], color="0.2", linewidth=1.5, marker="|", markersize=6)
    axis.text(1 + distance, top, f"  critical difference {distance:.2f}", va="center", fontsize="small")
    row = group.iloc[0]
    axis.set_title(f"{run.title(row['metric'])}, {row['role']} class, n = {row['n']}: mean rank, 1 is best")
    axis.set(xlim=(low, high), ylim=(-STEP * (0.9 + (count + 1) // 2), top + STEP / 2))
    for side in (axis.xaxis, axis.yaxis):
        named_ticks(side, ())
    axis.grid(visible=False)
    for place in range(1, count + 1):
        axis.plot([place, place], [0, STEP * 0.2], color="0.2", linewidth=1)
        axis.text(place, STEP * 0.3, str(place), ha="center", va="bottom", fontsize="x-small")
    for spine in axis.spines.values():
        spine.set_visible(False)
