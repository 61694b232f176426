"""Are the files of a run what the run wrote? The manifest holds the size and the SHA-256 of each."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from reports.errors import ReportError, regular
from reports.runs.columns import COLUMNS
from reports.runs.schema import ADVICE

# What a report takes numbers and pictures from; tables, figures and the page are made anew.
PATTERNS = (*(f"{name}.parquet" for name in COLUMNS), "skipped.csv", "maps/shard-*.safetensors")

Files = Mapping[str, Mapping[str, Any]]


def describe_files(folder: Path) -> dict[str, dict[str, Any]]:
    """`bytes` and `sha256` of every file of a run that its report is made of, by its name in the folder."""
    paths = sorted(path for pattern in PATTERNS for path in folder.glob(pattern))
    return {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": _sha256(path)} for path in paths
    }


def check_sizes(folder: Path, files: Files) -> None:
    """No file is of another size than the run wrote; what is missing is for whoever needs it to say.

    Raises:
        ReportError: with the first that is.
    """
    for path in (path for pattern in PATTERNS for path in folder.glob(pattern)):
        known = files.get(path.relative_to(folder).as_posix())
        if known is not None and path.is_file() and path.stat().st_size != known["bytes"]:
            found = path.stat().st_size
            raise ReportError(f"'{path}' is damaged: it has {found} bytes, the run wrote {known['bytes']}; {ADVICE}")


def check_content(folder: Path, path: Path, files: Files) -> None:
    """The file holds what the run wrote, if the manifest says what that was.

    Raises:
        ReportError: it does not, cannot be read, or is gone.
    """
    known = files.get(path.relative_to(folder).as_posix())
    if known is None:
        return
    try:
        found = _sha256(path)
    except FileNotFoundError as error:
        raise ReportError(f"'{path}' is missing; score the run again") from error
    except OSError as error:
        raise ReportError(f"'{path}' cannot be read ({error.strerror}); score the run again") from error
    if found != known["sha256"]:
        raise ReportError(f"'{path}' is damaged: it does not hold what the run wrote; {ADVICE}")


def _sha256(path: Path) -> str:
    with regular(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
