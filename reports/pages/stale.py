"""What an earlier report of the same run made, and this one does not: removed, so that no page shows old numbers."""

from collections.abc import Collection, Iterator
from itertools import combinations

from reports.runs.run import ROLES, Run
from reports.text import file_stem

TABLES = (
    "summary", "comparison", "dispersion_gap", "wrong_class", "scatter_gap", "strata", "ranks", "ranking",
    "reliability", "metric_correlation", "latency", "controls", "validation", "smoothness", "smoothness_pairs",
    "substrates", "sanity",
)  # fmt: skip
FIGURES = (
    "critical_difference", "dispersion_right_wrong", "scatter_right_wrong", "reliability", "metric_correlation",
    "stages", "latency", "pareto", "substrates",
)  # fmt: skip
SHEETS = ("all", "most_dispersed", "least_dispersed", "most_disagreeing")


def remove_stale(run: Run, tables: Collection[str], figures: Collection[str]) -> None:
    """Removes tables and figures that a report of this run may make and the present one did not; nothing else.

    Args:
        run: the run.
        tables: names of the tables that were written.
        figures: names of the figures that were written, without their endings.
    """
    own: list[tuple[str, str, tuple[str, ...]]] = [
        ("tables", name, ("csv", "md", "tex")) for name in TABLES if name not in tables
    ]
    own += [("figures", name, ("svg", "png")) for name in map(file_stem, _figures(run)) if name not in figures]
    for folder, name, kinds in own:
        for kind in kinds:
            path = run.folder / folder / f"{name}.{kind}"
            if path.is_file() or path.is_symlink():
                path.unlink()


def _figures(run: Run) -> Iterator[str]:
    """Names of all figures that a report of this run may make."""
    yield from FIGURES
    yield from (f"curves_{protocol}_{role}" for protocol in run.manifest["protocols"] for role in ROLES)
    yield from (f"differences_{first}_{second}" for first, second in combinations(run.methods, 2))
    yield from (f"distribution_{family}" for family in {m["family"] for m in run.manifest["metrics"].values()})
    yield from (f"overlays_{sheet}_{layer}" for sheet in SHEETS for layer in run.layers)
