"""Figures of a run in words, and which of them the page embeds."""

from collections.abc import Iterable, Iterator

from reports.runs.run import Run
from reports.text import label

WORDS = {
    "critical_difference": "Mean ranks of methods and controls; a bar joins those that cannot be told apart",
    "scatter_right_wrong": "Scatter of the wrong class's map against that of the right class's, a point per image",
    "reliability": "Agreement of the images on the order of the methods, per metric",
    "metric_correlation": "Rank correlation of every two metrics over the images",
    "stages": "Time of every stage of the work",
    "latency": "Time per image by batch size",
    "pareto": "Quality against time",
    "smoothness": "The metric against the smoothing of the maps",
}


def embedded_names(names: Iterable[str]) -> Iterator[str]:
    """The figures that the page holds: no sheets of overlays, which the gallery shows."""
    yield from (name for name in names if not name.startswith("overlays_"))


def caption(run: Run, name: str) -> str:
    """What a figure shows, in words."""
    kind, _, rest = name.partition("_")
    if kind == "curves":
        protocol, _, role = rest.rpartition("_")
        return f"Deletion and insertion curves of the protocol {protocol}, maps of the {role} class, every layer"
    if kind == "distribution":
        return f"Values of the {rest} metrics, a point per image, with quartiles"
    if kind == "differences":
        for first in run.methods:
            second = rest.removeprefix(f"{first}_")
            if second in run.methods and second != first:
                return f"{run.title(first)} minus {run.title(second)}, image by image"
    known = next((words for start, words in WORDS.items() if name.startswith(start)), None)
    return known or label(name.replace("_", " ").capitalize())
