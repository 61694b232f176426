"""Every metric and every speed over the nights, with the nights from which on it is another one."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from metrics.statistics.changes import FEWEST, change_points
from metrics.statistics.comparison import HEADLINE_FAMILY
from reports.csvfiles import csv_bytes
from reports.figures.style import PALETTE, finding, panels, style
from reports.files import save_figure, write_atomic, write_table
from reports.pages.frame import rendered
from reports.pages.report import cells, embedded
from reports.pages.verdicts import rows
from reports.plain import visible
from reports.runs.nights import NAME, Night, Say, nights, silent
from reports.runs.run import ReportError, title

HISTORY = ["night", "kind", "series", "value"]
CHANGES = ["kind", "series", "night", "before", "after", "relative_change"]
TICKS = 6


def render_history(root: Path, say: Say = silent) -> Path:
    """Writes history/ into a folder of runs: history.csv, the table changes, figures, history.html.

    Nights that scored other images or other protocols than the newest good one are listed, and left out of the series.

    Args:
        root: the folder.
        say: is told in one line of every night that is left out, and why.

    Returns:
        Path of history.html.

    Raises:
        ReportError: no folder, or no complete run in it.
    """
    left_out: list[str] = []
    every = nights(root, left_out.append)
    for line in left_out:
        say(line)
    if not every:
        raise ReportError(f"'{root}' holds no complete run; cambench nightly makes one")
    job = ([night for night in every if night.good] or every)[-1].job
    kept = [night for night in every if night.job == job]
    table = series(kept)
    changes = changes_of(table)
    out = root / "history"
    write_atomic(out / "history.csv", csv_bytes(table))
    write_table(out, "changes", changes)
    names = []
    with style():
        for name, figure in _figures(kept, table, changes):
            save_figure(out / "figures", name, figure)
            names.append(name)
    content = {
        "root": visible(root.name),
        "count": len(kept),
        "first": kept[0].name,
        "last_kept": kept[-1].name,
        "few": len(kept) < FEWEST,
        "fewest": FEWEST,
        "changes": cells(changes),
        "figures": [embedded(out / "figures" / f"{name}.png") for name in names],
        "nights": rows(root, every, job),
        "left_out": left_out,
    }
    write_atomic(out / "history.html", rendered("history.html", content).encode())
    return out / "history.html"


def series(kept: Sequence[Night]) -> pd.DataFrame:
    """One row per night and series: the means of the methods (quality), the ratios to a bare forward pass (speed)."""
    rows = [
        (night.name, kind, name, value)
        for night in kept
        for kind, values in (("quality", night.means), ("speed", night.ratios))
        for name, value in values.items()
    ]
    return pd.DataFrame(rows, columns=HISTORY)


def changes_of(table: pd.DataFrame) -> pd.DataFrame:
    """Change points of every series (`metrics.statistics.changes`): the night, and the means of both levels."""
    rows = []
    order = list(dict.fromkeys(table["night"]))
    wide = table.pivot(index=["kind", "series"], columns="night", values="value")[order]
    for (kind, name), values in wide.iterrows():
        array = values.to_numpy(float)
        places = change_points(array)
        for before, place, after in zip([0, *places], places, [*places[1:], len(array)], strict=False):
            levels = np.nanmean(array[before:place]), np.nanmean(array[place:after])
            relative = levels[1] / levels[0] - 1 if levels[0] else np.nan
            rows.append((kind, name, order[place], *levels, relative))
    return pd.DataFrame(rows, columns=CHANGES).sort_values(
        ["night", "kind"], ascending=False, kind="stable", ignore_index=True
    )


def _figures(kept: Sequence[Night], table: pd.DataFrame, changes: pd.DataFrame) -> Iterator[tuple[str, Figure]]:
    manifest = kept[-1].manifest
    layer = next(iter(manifest["layers"]))
    quality = {
        f"{title(manifest, metric)}, {role}": [
            (title(manifest, method), f"{method} {layer} {role} {metric}") for method in manifest["methods"]
        ]
        for metric, role in HEADLINE_FAMILY
    }
    speeds: dict[str, list[tuple[str, str]]] = {}
    for name in table.loc[table["kind"].eq("speed"), "series"].unique():
        stage, _, label = name.partition(" ")
        speeds.setdefault(stage, []).append((label, name))
    yield from _grid("quality", "quality", quality, table, changes)
    yield from _grid("speed", "time / bare forward pass", speeds, table, changes)


def _grid(
    name: str, heading: str, groups: dict[str, list[tuple[str, str]]], table: pd.DataFrame, changes: pd.DataFrame
) -> Iterator[tuple[str, Figure]]:
    """A panel per group, a line per series, a vertical line where one changes."""
    known = set(table["series"])
    groups = {group: [entry for entry in entries if entry[1] in known] for group, entries in groups.items()}
    groups = {group: entries for group, entries in groups.items() if entries}
    if not groups:
        return
    order = list(dict.fromkeys(table["night"]))
    wide = table.pivot(index="night", columns="series", values="value").reindex(order)
    columns = min(2, len(groups))
    figure, axes = panels(-(-len(groups) // columns), columns, 4.6, 1.9)
    for axis in axes.flat[len(groups) :]:
        axis.set_visible(False)
    for axis, (group, entries) in zip(axes.flat, groups.items(), strict=False):
        _panel(axis, group, entries, wide, changes)
    shown = changes[changes["series"].isin([series for entries in groups.values() for _, series in entries])]
    last = f", the last on {shown['night'].iloc[0]}" if len(shown) else ""
    said = f"{len(shown) or 'no'} lasting change{'s' * (len(shown) != 1)} in {len(order)} nights{last}"
    few = f"{len(order)} night{'s' * (len(order) != 1)}, too few to tell a lasting change"
    finding(figure, f"{heading.capitalize()}: {few if len(order) < FEWEST else said}")
    yield f"history_{name}", figure


def _panel(
    axis: Axes, group: str, entries: Sequence[tuple[str, str]], wide: pd.DataFrame, changes: pd.DataFrame
) -> None:
    size = 4 if len(wide) < 60 else 2
    places = {night: place for place, night in enumerate(wide.index)}
    for (label, name), colour in zip(entries, sns.color_palette(PALETTE, len(entries)), strict=True):
        axis.plot(range(len(wide)), wide[name], "o-", color=colour, label=label, markersize=size, linewidth=1)
        for night in changes.loc[changes["series"].eq(name), "night"]:
            axis.axvline(places[night] - 0.5, color=colour, linestyle="--", linewidth=1)
    axis.set_title(group)
    ticks = np.unique(np.linspace(0, len(wide) - 1, TICKS).round().astype(int))
    axis.set_xticks(ticks, [_short(wide.index[tick]) for tick in ticks])
    if len(entries) <= TICKS:
        axis.legend(frameon=True, fontsize="x-small")


def _short(name: str) -> str:
    """Month and day of a night; the beginning of any other name."""
    return name[5:10] if NAME.fullmatch(name) else visible(name)[:10].replace("$", r"\$")
