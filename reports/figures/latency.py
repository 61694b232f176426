"""How fast: the run's own stages, time against batch, quality against time."""

import math
from collections.abc import Iterator

import pandas as pd
from matplotlib.figure import Figure

from reports.figures.style import BAR_COLOUR, finding, method_colours, panels
from reports.runs.run import Run

STAGES = ("load", "maps", "truth", "perturbation", "metrics", "write", "report")  # of timings in the manifest
BATCH, CLASSES = 32, 2  # of the latency that quality is held against
QUALITY = ("srg_probability", "right")


def latency_figures(run: Run, latency: pd.DataFrame | None, summary: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    """Stages of the run; with latency.json also time and throughput against batch, and quality against time."""
    yield from _stage_figure(run)
    if latency is None:
        return
    own = latency[latency["stage"].isin(["forward", "maps"]) & latency["classes"].isin(["", CLASSES])]
    if len(own):
        yield from _batch_figure(run, own)
        yield from _pareto_figure(run, own, summary)


def _stage_figure(run: Run) -> Iterator[tuple[str, Figure]]:
    timings = run.manifest.get("timings", {})
    seconds = {name: timings[name] for name in STAGES if timings.get(name, 0) > 0}
    total = sum(seconds.values())
    if not total:
        return
    figure, axes = panels(1, 1, 5.6, 0.3 * len(seconds) + 0.2)
    figure.subplots_adjust(left=0.2)
    axis, names = axes[0, 0], list(seconds)[::-1]
    bars = axis.barh(names, [seconds[name] / total for name in names], color=BAR_COLOUR)
    axis.bar_label(bars, [f"{seconds[name]:.1f} s, {seconds[name] / total:.0%}" for name in names], padding=4)
    axis.set(xlim=(0, 1.25), xlabel="share of the run's time")
    axis.set_xticks([0, 0.25, 0.5, 0.75, 1])
    longest = max(seconds, key=lambda name: seconds[name])
    images = run.manifest["counts"]["scored"]
    finding(figure, f"{longest.capitalize()} takes {seconds[longest] / total:.0%} of {total:.0f} s for {images} images")
    yield "stages", figure


def _lines(run: Run, latency: pd.DataFrame) -> Iterator[tuple[str, object, pd.DataFrame]]:
    """Title, colour and rows, by batch, of the bare classifier and every timed method."""
    colours = method_colours(run)
    for (stage, method), group in latency.groupby(["stage", "method"], sort=False):
        title = "forward pass" if stage == "forward" else run.title(str(method))
        yield title, colours.get(str(method), "0.4"), group.sort_values("batch", key=lambda batch: batch.astype(int))


def _batch_figure(run: Run, latency: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    figure, axes = panels(1, 2, 3.8, 2.6)
    for title, colour, rows in _lines(run, latency):
        batch = rows["batch"].astype(int).to_numpy()
        per_image = [rows[name].to_numpy(float) / batch for name in ("ms_median", "ms_q1", "ms_q3")]
        axes[0, 0].plot(batch, per_image[0], "o-", color=colour, label=title)
        axes[0, 0].fill_between(batch, per_image[1], per_image[2], color=colour, alpha=0.2, linewidth=0)
        axes[0, 1].plot(batch, rows["images_per_second"], "o-", color=colour, label=title)
    ticks = sorted(latency["batch"].astype(int).unique())
    for axis, title in zip(axes[0], ("time per image, ms", "images/s"), strict=True):
        axis.set_xscale("log", base=2)
        axis.set_xticks(ticks, [str(tick) for tick in ticks])
        axis.set(xlabel="batch", ylim=(0, None))
        axis.set_title(title)
    axes[0, 0].legend(frameon=True)
    maps = latency[latency["stage"].eq("maps")]
    speed = f"Maps of two classes: up to {maps['images_per_second'].max():.0f} images/s"
    finding(figure, f"{speed if len(maps) else 'Forward pass'} (median and quartiles of the rounds)")
    yield "latency", figure


def _pareto_figure(run: Run, latency: pd.DataFrame, summary: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    metric, role = QUALITY
    timed = latency[latency["stage"].eq("maps") & latency["batch"].astype(int).eq(BATCH)].set_index("method")
    chosen = summary["metric"].eq(metric) & summary["role"].eq(role) & summary["layer"].eq(run.layers[0])
    quality = summary[chosen].set_index("method")
    names = [name for name in run.methods if name in timed.index and name in quality.index]
    names = [name for name in names if not math.isnan(quality.loc[name, "mean"])]
    if not names:
        return
    figure, axes = panels(1, 1, 5.6, 2.8)
    axis, colours = axes[0, 0], method_colours(run)
    points = {}
    for name in names:
        time, value = timed.loc[name], quality.loc[name]
        x, left, right = (float(time[key]) / BATCH for key in ("ms_median", "ms_q1", "ms_q3"))
        axis.plot([x, x], [value["ci_low"], value["ci_high"]], color=colours[name], linewidth=2)
        axis.plot([left, right], [value["mean"]] * 2, color=colours[name], linewidth=2)
        axis.plot(x, value["mean"], "o", color=colours[name], markersize=9, label=run.title(name))
        points[name] = (x, float(value["mean"]))
    front = [
        name
        for name, (x, y) in points.items()
        if not any(a <= x and b >= y and (a, b) != (x, y) for a, b in points.values())
    ]
    axis.legend(frameon=True)
    axis.set(xlabel=f"map time per image, ms (batch {BATCH}, two classes; quartiles)", ylabel=run.title(metric))
    axis.set_xlim(0, max(x for x, _ in points.values()) * 1.25)
    finding(figure, f"Quality against time; nobody is both faster and better than {' or '.join(map(run.title, front))}")
    yield "pareto", figure
