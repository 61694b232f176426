"""The lab's observation as a table: the wrong-class map against the right-class map, question by question.

Is it scattered, does it lie on nothing useful, is it of use to its class? Breadth is described beside them.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from metrics.statistics.intervals import balanced_interval, balanced_mean, difference_interval
from reports.runs.run import Run

STRATA = (  # those that are no class
    "balanced",
    "called right",
    "called wrong",
    "by call",
    "confident",
    "not confident",
)  # those that are no class
STATISTICS = {  # metrics of the right and the wrong class's map, and the question that each is about
    "scatter": "scattered",
    "scatter_10": "scattered",
    "compactness": "scattered",
    "animal_lift": "on nothing useful",
    "face_lift": "on nothing useful",
    "energy_in_mask": "on nothing useful",
    "energy_in_face": "on nothing useful",
    "srg_probability": "of use to its class",
    "effective_area": "breadth",
    "empty": "empty",
}
MIRRORS = {  # the same of ReLU(-S) of the right class
    "scatter": "signed_mirror_scatter",
    "scatter_10": "signed_mirror_scatter_10",
    "compactness": "signed_mirror_compactness",
    "energy_in_mask": "signed_mirror_energy",
    "effective_area": "signed_mirror_area",
}
GAPS = {"scatter_gap": "scatter", "dispersion_gap": "effective_area"}  # compared between methods
WRONG_CLASS = [
    "method", "layer", "question", "statistic", "stratum", "n", "n_undefined", "right", "wrong", "wrong_low",
    "wrong_high", "gap", "ci_low", "ci_high", "gap_least", "gap_most", "mirror",
]  # fmt: skip
Stratum = tuple[str, list[pd.DataFrame]]  # name, and the images of each group that counts the same


def wide_scores(run: Run, method: str, layer: str) -> pd.DataFrame:
    """Scores of one method at one layer on images of one class.

    A row per image, columns `metric_role`, `label`, `predicted`, and `rival`: the wrong class, "" if no score is its.
    """
    scores = run.scores
    chosen = scores[(scores["method"] == method) & (scores["layer"] == layer) & run.single(scores["label"])]
    wide = chosen.pivot(index="image_id", columns=["metric", "role"], values="value").sort_index()
    wide.columns = [f"{metric}_{role}" for metric, role in wide.columns]
    wide = wide.rename(index=str)
    wide["label"] = run.labels.reindex(wide.index)
    called = chosen[["image_id", "predicted"]].drop_duplicates("image_id").astype(str).set_index("image_id")
    wide["predicted"] = called["predicted"].reindex(wide.index)
    wrong = chosen.loc[chosen["role"] == "wrong", ["image_id", "target"]].drop_duplicates("image_id").astype(str)
    wide["rival"] = wrong.set_index("image_id")["target"].reindex(wide.index).fillna("")
    return wide


def wrong_class(run: Run) -> pd.DataFrame:
    """Per method, layer, statistic and stratum: the wrong class's map, the right class's, and the gap wrong - right.

    The gap is over images where both are defined, with its 95 % interval; `wrong_low` to `wrong_high` is that of the
    wrong class's mean on the same images. Where a value can be bounded, `gap_least` and `gap_most` count every
    undefined one as what makes the gap smallest and largest: scatter as 0 or 1, areas as one cell or all, energies as
    0 or 1. `mirror` is the value of ReLU(-S) of the right class.

    Strata: `balanced` (equal weight to the images of every class: the headline), the name of a class (its images),
    `called right` and `called wrong` (images that the network calls so, balanced over the classes that have any),
    `by call` (the map of the class that is not called minus that of the one that is), `target cat` (one class's maps
    where it is the wrong one minus those on its own images, unpaired). Of more than two classes, those without such an
    image are left out.
    """
    rows: list[dict[str, Any]] = []
    for method in run.methods:
        for layer in run.layers:
            wide, given = wide_scores(run, method, layer), _given(run, method, layer)
            cells = run.manifest["layers"][layer]["height"] * run.manifest["layers"][layer]["width"]
            for statistic, question in STATISTICS.items():
                if not {f"{statistic}_right", f"{statistic}_wrong"} <= set(wide.columns):
                    continue
                key = {"method": method, "layer": layer, "question": question, "statistic": statistic}
                limits = _limits(statistic, cells)
                images = wide[wide.index.isin(given[statistic])]
                for stratum, parts in _strata(images):
                    rows.append({**key, "stratum": stratum, **_paired(parts, statistic, limits)})
                for stratum, own, others in _targets(images):
                    rows.append({**key, "stratum": stratum, **_unpaired(own, others, statistic)})
    return pd.DataFrame(rows, columns=WRONG_CLASS)


def scatter_gap(table: pd.DataFrame) -> pd.DataFrame:
    """The headline alone: the rows of `wrong_class` on scatter."""
    columns = [name for name in WRONG_CLASS if name not in ("question", "statistic", "wrong_low", "wrong_high")]
    return table.loc[table["statistic"] == "scatter", columns].reset_index(drop=True)


def class_stratum(name: str) -> str:
    """What the stratum of a class is called: by its name, unless that means another one."""
    return f"class {name}" if name in STRATA or name.startswith(("target ", "class ")) else name


def gap_values(wide: pd.DataFrame, statistic: str) -> pd.Series:
    """Wrong minus right per image; NaN where either is undefined."""
    return wide[f"{statistic}_wrong"] - wide[f"{statistic}_right"]


def _given(run: Run, method: str, layer: str) -> "pd.Series[Any]":
    """Images that have a row, be it undefined, by metric: those without a head box, say, are not undefined."""
    scores = run.scores
    own = scores[(scores["method"] == method) & (scores["layer"] == layer)]
    return own.groupby(own["metric"].astype(str))["image_id"].unique()


def _strata(wide: pd.DataFrame) -> Iterator[Stratum]:
    """Those in which every image is its own control; parts without an image are left out."""
    groups = dict(list(wide.groupby("label")))
    if len(groups) > 1:
        yield "balanced", list(groups.values())
    yield from ((class_stratum(str(label)), [group]) for label, group in groups.items())
    called = wide["label"].eq(wide["predicted"])
    if called.any() and not called.all():
        yield "called right", [own for group in groups.values() if len(own := group[called[group.index]])]
        yield "called wrong", [own for group in groups.values() if len(own := group[~called[group.index]])]
        turned = pd.concat([wide[called], wide[~called & wide["predicted"].eq(wide["rival"])].rename(columns=_turned)])
        yield "by call", [group for _, group in turned.groupby("label")]


def _targets(wide: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Per class the images of it, and those of others whose wrong class it is."""
    groups = dict(list(wide.groupby("label")))
    if len(groups) > 1:
        yield from ((f"target {label}", group, wide[wide["rival"] == label]) for label, group in groups.items())


def _turned(column: str) -> str:
    """Right and wrong exchanged."""
    name, _, role = column.rpartition("_")
    return f"{name}_{ {'right': 'wrong', 'wrong': 'right'}[role] }" if role in ("right", "wrong") else column


def _paired(parts: list[pd.DataFrame], statistic: str, limits: tuple[float, float] | None) -> dict[str, Any]:
    gaps = [gap_values(part, statistic).dropna() for part in parts]
    undefined = sum(len(part) - len(gap) for part, gap in zip(parts, gaps, strict=True))
    if len(parts) > 2 and sum(len(gap) > 0 for gap in gaps) > 1:
        parts = [part for part, gap in zip(parts, gaps, strict=True) if len(gap)]
        gaps = [gap for gap in gaps if len(gap)]
    both = [part.loc[gap.index] for part, gap in zip(parts, gaps, strict=True)]  # the images that the gap is over
    right, wrong = f"{statistic}_right", f"{statistic}_wrong"
    low, high = balanced_interval(gaps)
    wrong_low, wrong_high = balanced_interval([part[wrong] for part in both])
    row: dict[str, Any] = {
        "n": sum(map(len, gaps)),
        "n_undefined": undefined,
        "right": _mean(both, right),
        "wrong": _mean(both, wrong),
        "wrong_low": wrong_low,
        "wrong_high": wrong_high,
        "gap": balanced_mean(gaps),
        "ci_low": low,
        "ci_high": high,
        "mirror": _mean(parts, f"{MIRRORS[statistic]}_right") if statistic in MIRRORS else np.nan,
    }
    for name, (least, most) in {"gap_least": (0, 1), "gap_most": (1, 0)}.items():
        if limits:
            filled = {wrong: limits[least], right: limits[most]}
            row[name] = balanced_mean([gap_values(part.fillna(filled), statistic) for part in parts])
    return row


def _unpaired(own: pd.DataFrame, others: pd.DataFrame, statistic: str) -> dict[str, Any]:
    """One class's maps: on images of other classes whose wrong class it is against images of its own."""
    right, wrong = own[f"{statistic}_right"].dropna(), others[f"{statistic}_wrong"]
    defined = wrong.dropna()
    low, high = difference_interval(defined, right)
    wrong_low, wrong_high = balanced_interval([defined])
    return {
        "n": len(right) + len(defined),
        "n_undefined": len(own) - len(right) + len(wrong) - len(defined),
        "right": right.mean() if len(right) else np.nan,
        "wrong": defined.mean() if len(defined) else np.nan,
        "wrong_low": wrong_low,
        "wrong_high": wrong_high,
        "gap": defined.mean() - right.mean() if len(right) and len(defined) else np.nan,
        "ci_low": low,
        "ci_high": high,
    }


def _limits(statistic: str, cells: int) -> tuple[float, float] | None:
    """Between what an undefined value may be taken to lie; None where nothing bounds it, or it is always defined."""
    if statistic == "effective_area":
        return 1 / cells, 1.0
    return (0.0, 1.0) if statistic in ("scatter", "scatter_10", "energy_in_mask", "energy_in_face") else None


def _mean(parts: list[pd.DataFrame], column: str) -> float:
    """Mean of the parts' means over the images where the value is defined; NaN where it never is."""
    return balanced_mean([part[column].dropna() if column in part else [] for part in parts])
