"""Do the tables of a run belong together: the same images, known names, every row once?"""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from reports.errors import ReportError
from reports.plain import visible
from reports.runs.schema import ADVICE

ROLES = ("right", "wrong", "present")
ROWS = 1 << 16


def check_names(path: Path, table: pd.DataFrame, known: dict[str, Iterable[str]]) -> None:
    """Every name in these columns is one of those that the manifest, or the other tables, know.

    Raises:
        ReportError: with the first that is not.
    """
    for column, names in known.items():
        foreign = set(table[column].unique()) - set(names)
        if foreign:
            name = visible(min(foreign))[:80]
            raise ReportError(f"'{path}', column '{column}' holds '{name}', which this run does not know; {ADVICE}")


def check_images(path: Path, ids: "pd.Series[str]", scored: int) -> None:
    """As many images as the manifest counts.

    Raises:
        ReportError: there are more or fewer.
    """
    found = ids.nunique()
    if found != scored:
        raise ReportError(
            f"'{path}' holds {found} images, field 'counts.scored' of manifest.json says {scored}; {ADVICE}"
        )


def check_labels(path: Path, table: pd.DataFrame, classes: Iterable[str]) -> None:
    """Every image has one label, of known classes, and one predicted class.

    Raises:
        ReportError: with the first image or name that has not.
    """
    by_image = distinct(table, ["image_id", "label", "predicted"])
    twice = by_image["image_id"].duplicated()
    if twice.any():
        name = visible(by_image.loc[twice, "image_id"].iloc[0])
        raise ReportError(f"'{path}' gives image '{name}' several labels or predicted classes; {ADVICE}")
    check_names(path, pd.DataFrame({"predicted": by_image["predicted"]}), {"predicted": classes})
    shown = pd.DataFrame(
        {"label": [name for label in by_image["label"].unique() for name in shown_classes(label, classes)]}
    )
    check_names(path, shown, {"label": classes})


def check_roles(path: Path, table: pd.DataFrame, labels: "pd.Series[str]", classes: Iterable[str]) -> None:
    """The role of every row is what the label of its image, and its target, make it; one class is the wrong one.

    Raises:
        ReportError: with the first row that has another, or the first image with two wrong classes.
    """
    rows = distinct(table, ["image_id", "target", "role"])
    rows["label"] = rows["image_id"].astype(str).map(labels)
    for target, role, label in rows[["target", "role", "label"]].drop_duplicates().itertuples(index=False):
        shown = shown_classes(label, classes)
        wanted = ("right" if target in shown else "wrong") if len(shown) == 1 else "present"
        if role != wanted or (role == "present" and target not in shown):
            expected = f"expected '{wanted}'" if role != wanted else "which does not show it"
            raise ReportError(
                f"'{path}', column 'role' is '{visible(role)[:80]}' for target '{visible(target)}' on an image "
                f"of '{visible(label)}', {expected}; {ADVICE}"
            )
    wrong = rows.loc[rows["role"].eq("wrong"), "image_id"]
    if wrong.duplicated().any():
        name = visible(str(wrong[wrong.duplicated()].iloc[0]))
        raise ReportError(f"'{path}' gives image '{name}' several wrong classes, expected its rival alone; {ADVICE}")


def check_once(path: Path, table: pd.DataFrame, key: list[str]) -> None:
    """No row comes twice; the table is sorted by the key.

    Raises:
        ReportError: with the first that does.
    """
    same = pd.Series(data=True, index=table.index)
    for column in key:
        same &= table[column].eq(table[column].shift())
    if same.any():
        row = ", ".join(visible(str(value)) for value in table.loc[same.idxmax(), key])
        raise ReportError(f"'{path}' holds the row of {row} twice; {ADVICE}")


def distinct(table: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Different rows of these columns, in order; found part by part, so that millions of rows take little memory."""
    starts = range(0, max(len(table), 1), ROWS)
    return pd.concat(
        [table.iloc[start : start + ROWS][columns].drop_duplicates() for start in starts]
    ).drop_duplicates()


def shown_classes(label: str, classes: Iterable[str]) -> list[str]:
    """The classes that an image of this label shows."""
    return [label] if label in classes else label.split("+")
