"""Checkpoints that come with cambench, by name."""

from dataclasses import dataclass
from pathlib import Path

from weights.errors import WeightsError, unknown

FOLDER = Path(__file__).resolve().parent / "shipped"


@dataclass(frozen=True)
class Shipped:
    """A catalogue entry; the model card is the Markdown file of the same name.

    Attributes:
        sha256: of the file.
        meaning: one line.
        license: of the weights.
    """

    sha256: str
    meaning: str
    license: str


SHIPPED = {
    "catdog-photos": Shipped(
        "75e26554f05fa07154109480610958c4e3e7123a504ede2cee903d950b374827",
        "efficientnet_lite0 of ImageNet, last layer trained on 3,000 photographs; 99.0% on 500 others, 98.5% on pets",
        "Apache-2.0",
    ),
    "catdog-photos-alexnet": Shipped(
        "f969b5127f05ff651e10671313608778abde08a6fc8ce3489d40039dad3d4057",
        "alexnet_narrow: features of alexnet-catdog, classifier trained on 22,500 photographs; 91.1% on others",
        "Apache-2.0",
    ),
    "catdog-scenes": Shipped(
        "5578956890ac3f4567e87e8e99bb5756d2fcc70af121cbdaf17dd3d5cb3feb54",
        "alexnet_gap: trunk of catdog-scenes-mlp, linear head on means; 100.0% of 500 drawn scenes; certified",
        "Apache-2.0",
    ),
    "catdog-scenes-1": Shipped(
        "46f222e2fdf64bbb96d921e428a31df544aef335ac6b442a34096494d7fcceef",
        "alexnet_gap: trunk of catdog-scenes-mlp-1, linear head on means; 100.0% of 500 drawn scenes; certified",
        "Apache-2.0",
    ),
    "catdog-scenes-2": Shipped(
        "403c037ac505b37ee90464861e26ce4da3ba16860982f1630f9f29f71103f4e7",
        "alexnet_gap: trunk of catdog-scenes-mlp-2, linear head on means; 100.0% of 500 drawn scenes; certified",
        "Apache-2.0",
    ),
    "catdog-scenes-mlp": Shipped(
        "57ee05410ffcfa1309485c1a5f718c908b853d74209f67720c62856657e8c252",
        "alexnet_narrow trained on drawn scenes, seed 0, margins pinned by label smoothing; 100.0% on 1,000 others",
        "Apache-2.0",
    ),
    "catdog-scenes-mlp-1": Shipped(
        "f2cbe86b7204beaf41c7d3c47592505ddd861bf068a70a4fc4ed6a38fcb074ae",
        "alexnet_narrow trained on drawn scenes, seed 1, margins pinned by label smoothing; 100.0% on 1,000 others",
        "Apache-2.0",
    ),
    "catdog-scenes-mlp-2": Shipped(
        "87ac380f68d86a0445d8b97099724bd80a4bd022f27959c4a40b0f90df45b7b1",
        "alexnet_narrow trained on drawn scenes, seed 2, margins pinned by label smoothing; 100.0% on 1,000 others",
        "Apache-2.0",
    ),
}


def shipped_path(name: str) -> Path:
    """File of a shipped checkpoint."""
    return FOLDER / f"{name}.safetensors"


def find_checkpoint(path: Path) -> Path:
    """The path itself, or that of the shipped checkpoint of this name where no such file exists.

    Raises:
        WeightsError: neither a file nor a shipped checkpoint.
    """
    name = str(path)
    if name in SHIPPED and not path.is_file():
        return shipped_path(name)
    if path.exists() or path.suffix:
        return path  # whether it is there is checked when it is read
    raise WeightsError(f"{unknown('weights', name, SHIPPED)}; or give the path of a .pth, .pt or .safetensors file")


def check_shipped(path: Path, sha256: str) -> None:
    """Refuses a shipped file whose content is not what the catalogue says.

    Raises:
        WeightsError: damaged or swapped.
    """
    entry = SHIPPED.get(path.stem) if path.parent == FOLDER else None
    if entry is not None and entry.sha256 != sha256:
        raise WeightsError(
            f"shipped weights '{path.stem}' have SHA-256 {sha256[:12]}..., expected {entry.sha256[:12]}...: "
            "the file is damaged or was replaced; install cambench again"
        )
