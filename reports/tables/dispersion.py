"""The lab's observation as a table: the wrong-class map against the right-class map, question by question.

Is it scattered, does it lie on nothing useful, is it of use to its class? Breadth is described beside them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metrics.statistics.intervals import balanced_interval, balanced_mean, difference_interval
from reports.runs.run import Run
from reports.tables.wide import given, wide_scores

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
WHO = ("label", "predicted", "rival")
Array = NDArray[Any]


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
            wide, rows_of = wide_scores(run, method, layer), given(run, method, layer)
            cells = run.manifest["layers"][layer]["height"] * run.manifest["layers"][layer]["width"]
            for statistic, question in STATISTICS.items():
                if not {f"{statistic}_right", f"{statistic}_wrong"} <= set(wide.columns):
                    continue
                key = {"method": method, "layer": layer, "question": question, "statistic": statistic}
                limits = _limits(statistic, cells)
                images = _Images.of(wide[rows_of[statistic]], statistic)
                for stratum, parts in _strata(images):
                    rows.append({**key, "stratum": stratum, **_paired(parts, limits)})
                for stratum, own, others in _targets(images):
                    rows.append({**key, "stratum": stratum, **_unpaired(own, others)})
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


@dataclass(frozen=True)
class _Images:
    """One statistic of some images, an entry of each array per image: of both maps, and of the map turned over.

    `turned` are the same with right and wrong exchanged.
    """

    label: Array
    predicted: Array
    rival: Array
    right: Array
    wrong: Array
    mirror: Array
    turned_mirror: Array

    @classmethod
    def of(cls, wide: pd.DataFrame, statistic: str) -> "_Images":
        mirror, nothing = MIRRORS.get(statistic, ""), np.full(len(wide), np.nan)
        names = [*WHO, f"{statistic}_right", f"{statistic}_wrong", f"{mirror}_right", f"{mirror}_wrong"]
        return cls(*(wide[name].to_numpy() if name in wide else nothing for name in names))

    def __len__(self) -> int:
        return len(self.label)

    def only(self, which: Array) -> "_Images":
        return _Images(*(getattr(self, field.name)[which] for field in fields(self)))

    def turned(self) -> "_Images":
        who = (self.label, self.predicted, self.rival)
        return _Images(*who, self.wrong, self.right, self.turned_mirror, self.mirror)

    def and_(self, other: "_Images") -> "_Images":
        names = (field.name for field in fields(self))
        return _Images(*(np.concatenate([getattr(self, name), getattr(other, name)]) for name in names))

    def by_label(self) -> dict[str, "_Images"]:
        return {str(label): self.only(self.label == label) for label in sorted(set(self.label))}


def _strata(images: _Images) -> Iterator[tuple[str, list[_Images]]]:
    """Those in which every image is its own control; parts without an image are left out."""
    groups = images.by_label()
    if len(groups) > 1:
        yield "balanced", list(groups.values())
    yield from ((class_stratum(label), [group]) for label, group in groups.items())
    called = images.label == images.predicted
    if called.any() and not called.all():
        yield "called right", list(images.only(called).by_label().values())
        yield "called wrong", list(images.only(~called).by_label().values())
        turned = images.only(~called & (images.predicted == images.rival)).turned()
        yield "by call", list(images.only(called).and_(turned).by_label().values())


def _targets(images: _Images) -> Iterator[tuple[str, _Images, _Images]]:
    """Per class the images of it, and those of others whose wrong class it is."""
    groups = images.by_label()
    if len(groups) > 1:
        yield from ((f"target {label}", own, images.only(images.rival == label)) for label, own in groups.items())


def _paired(parts: list[_Images], limits: tuple[float, float] | None) -> dict[str, Any]:
    gaps = [part.wrong - part.right for part in parts]
    held = [~np.isnan(gap) for gap in gaps]
    undefined = sum(int((~own).sum()) for own in held)
    if len(parts) > 2 and sum(own.any() for own in held) > 1:
        parts, gaps, held = zip(*(p for p in zip(parts, gaps, held, strict=True) if p[2].any()), strict=True)  # type: ignore[assignment]
    both = [part.only(own) for part, own in zip(parts, held, strict=True)]  # the images that the gap is over
    gaps = [gap[own] for gap, own in zip(gaps, held, strict=True)]
    low, high = balanced_interval(gaps)
    wrong_low, wrong_high = balanced_interval([part.wrong for part in both])
    row: dict[str, Any] = {
        "n": sum(map(len, gaps)),
        "n_undefined": undefined,
        "right": balanced_mean([part.right for part in both]),
        "wrong": balanced_mean([part.wrong for part in both]),
        "wrong_low": wrong_low,
        "wrong_high": wrong_high,
        "gap": balanced_mean(gaps),
        "ci_low": low,
        "ci_high": high,
        "mirror": balanced_mean([_defined(part.mirror) for part in parts]),
    }
    for name, (least, most) in {"gap_least": (0, 1), "gap_most": (1, 0)}.items():
        if limits:
            row[name] = balanced_mean([
                _filled(part.wrong, limits[least]) - _filled(part.right, limits[most]) for part in parts
            ])  # fmt: skip
    return row


def _unpaired(own: _Images, others: _Images) -> dict[str, Any]:
    """One class's maps: on images of other classes whose wrong class it is against images of its own."""
    right, wrong = _defined(own.right), _defined(others.wrong)
    low, high = difference_interval(wrong, right)
    wrong_low, wrong_high = balanced_interval([wrong])
    return {
        "n": len(right) + len(wrong),
        "n_undefined": len(own) - len(right) + len(others) - len(wrong),
        "right": balanced_mean([right]),
        "wrong": balanced_mean([wrong]),
        "wrong_low": wrong_low,
        "wrong_high": wrong_high,
        "gap": balanced_mean([wrong]) - balanced_mean([right]),
        "ci_low": low,
        "ci_high": high,
    }


def _limits(statistic: str, cells: int) -> tuple[float, float] | None:
    """Between what an undefined value may be taken to lie; None where nothing bounds it, or it is always defined."""
    if statistic == "effective_area":
        return 1 / cells, 1.0
    return (0.0, 1.0) if statistic in ("scatter", "scatter_10", "energy_in_mask", "energy_in_face") else None


def _defined(values: Array) -> Array:
    return values[~np.isnan(values)]


def _filled(values: Array, value: float) -> Array:
    return np.where(np.isnan(values), value, values)
