"""The lab's observation as a table: is the wrong-class map more scattered than the right-class map?"""

from typing import Any

import numpy as np
import pandas as pd

from metrics.statistics.intervals import balanced_interval, balanced_mean, difference_interval
from reports.runs.run import Run

STRATA = ("balanced", "called right", "called wrong", "confident", "not confident")  # those that are no class
BESIDE = ("empty", "energy_in_mask", "energy_in_face")  # given for both roles
ONCE = ("mask_area", "signed_mirror_area", "antisymmetry")  # given for the right class


def wide_scores(run: Run, method: str, layer: str) -> pd.DataFrame:
    """Scores of one method at one layer on images of one class.

    A row per image, columns `metric_role`, `label`, and `rival`: the wrong class, "" where no score is its.
    """
    scores = run.scores
    chosen = scores[(scores["method"] == method) & (scores["layer"] == layer) & run.single(scores["label"])]
    wide = chosen.pivot(index="image_id", columns=["metric", "role"], values="value").sort_index()
    wide.columns = [f"{metric}_{role}" for metric, role in wide.columns]
    wide = wide.rename(index=str)
    wide["label"] = run.labels.reindex(wide.index)
    wrong = chosen.loc[chosen["role"] == "wrong", ["image_id", "target"]].drop_duplicates("image_id").astype(str)
    wide["rival"] = wrong.set_index("image_id")["target"].reindex(wide.index).fillna("")
    return wide


def dispersion_gap(run: Run) -> pd.DataFrame:
    """Per method, layer and stratum the dispersion gap, mean over images of A2(wrong) - A2(right), and its context.

    Strata: `balanced` (equal weight to the images of every class: the headline), the name of a class (its images),
    `target cat` (one class's maps where it is the wrong one minus those on its own images, unpaired). The gap is over
    images where neither map is empty; `gap_if_empty_is_point` and `gap_if_empty_is_uniform` count empty maps as 1/N
    and as 1. Of more than two classes, those without such an image are left out of the balanced gap.
    """
    rows: list[dict[str, Any]] = []
    for method in run.methods:
        for layer in run.layers:
            wide = wide_scores(run, method, layer)
            if not {"effective_area_right", "effective_area_wrong"} <= set(wide.columns):
                continue
            cells = run.manifest["layers"][layer]["height"] * run.manifest["layers"][layer]["width"]
            groups = dict(list(wide.groupby("label")))
            strata = {"balanced": list(groups.values())} if len(groups) > 1 else {}
            strata |= {class_stratum(str(label)): [group] for label, group in groups.items()}
            for stratum, parts in strata.items():
                rows.append({"method": method, "layer": layer, "stratum": stratum, **_paired(parts, cells)})
            if len(groups) > 1:
                rows += [
                    {
                        "method": method,
                        "layer": layer,
                        "stratum": f"target {label}",
                        **_per_target(group, wide[wide["rival"] == label]),
                    }
                    for label, group in groups.items()
                ]
    return pd.DataFrame(rows, columns=None if rows else ["method", "layer", "stratum"])


def class_stratum(name: str) -> str:
    """What the stratum of a class is called: by its name, unless that means another one."""
    return f"class {name}" if name in STRATA or name.startswith(("target ", "class ")) else name


def gap_values(wide: pd.DataFrame) -> pd.Series:
    """A2(wrong) - A2(right) per image; NaN where a map is empty."""
    return wide["effective_area_wrong"] - wide["effective_area_right"]


def _paired(parts: list[pd.DataFrame], cells: int) -> dict[str, Any]:
    gaps = [gap_values(part).dropna() for part in parts]
    undefined = sum(len(part) - len(gap) for part, gap in zip(parts, gaps, strict=True))
    if len(parts) > 2 and sum(len(gap) > 0 for gap in gaps) > 1:
        parts = [part for part, gap in zip(parts, gaps, strict=True) if len(gap)]
        gaps = [gap for gap in gaps if len(gap)]
    both = [part.loc[gap.index] for part, gap in zip(parts, gaps, strict=True)]  # the images that the gap is over
    low, high = balanced_interval(gaps)
    row: dict[str, Any] = {
        "n": sum(map(len, gaps)),
        "n_undefined": undefined,
        "area_right": _mean(both, "effective_area_right"),
        "area_wrong": _mean(both, "effective_area_wrong"),
        "gap": balanced_mean(gaps),
        "ci_low": low,
        "ci_high": high,
    }
    for name, filled in (("point", 1 / cells), ("uniform", 1.0)):
        row[f"gap_if_empty_is_{name}"] = balanced_mean([gap_values(part.fillna(_areas(filled))) for part in parts])
    row |= {f"{metric}_{role}": _mean(parts, f"{metric}_{role}") for metric in BESIDE for role in ("right", "wrong")}
    return row | {metric: _mean(parts, f"{metric}_right") for metric in ONCE}


def _per_target(own: pd.DataFrame, others: pd.DataFrame) -> dict[str, Any]:
    """One class's maps: on images of other classes whose wrong class it is against images of its own."""
    right, wrong = own["effective_area_right"].dropna(), others["effective_area_wrong"]
    defined = wrong.dropna()
    low, high = difference_interval(defined, right)
    return {
        "n": len(right) + len(defined),
        "n_undefined": len(own) - len(right) + len(wrong) - len(defined),
        "area_right": right.mean() if len(right) else np.nan,
        "area_wrong": defined.mean() if len(defined) else np.nan,
        "gap": defined.mean() - right.mean() if len(right) and len(defined) else np.nan,
        "ci_low": low,
        "ci_high": high,
    }


def _areas(value: float) -> dict[str, float]:
    return {"effective_area_right": value, "effective_area_wrong": value}


def _mean(parts: list[pd.DataFrame], column: str) -> float:
    """Mean of the parts' means over the images where the value is defined; NaN where it never is."""
    return balanced_mean([part[column].dropna() if column in part else [] for part in parts])
