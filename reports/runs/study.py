"""What a study consists of: networks, and a run directory per network and data set."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class StudyNetwork:
    """A network of a study.

    Attributes:
        name: of it.
        trunk: networks of one trunk count as one; "" for a network of its own.
        factors: level by factor; the architecture is known without.
    """

    name: str
    trunk: str
    factors: dict[str, str]


@dataclass(frozen=True)
class StudyRun:
    """A cell: a network on a data set.

    Attributes:
        network: name.
        data: name.
        folder: of the run.
        error: why it could not be scored, in one line; None where it was.
    """

    network: str
    data: str
    folder: Path
    error: str | None


@dataclass(frozen=True)
class Study:
    """What a study consists of.

    Attributes:
        out: folder.
        title: of the page.
        contrast: the two methods, a - b.
        networks: in the order shown.
        runs: the cells.
    """

    out: Path
    title: str
    contrast: tuple[str, str]
    networks: tuple[StudyNetwork, ...]
    runs: tuple[StudyRun, ...]
