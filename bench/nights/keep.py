"""What stays of old nights, and the link to the newest; nothing that a night did not make is ever removed."""

from collections.abc import Iterator
from pathlib import Path

from reports.files import write_atomic
from reports.runs.nights import NAME, nights

# What old nights lose: files of these names that a run writes, and the folders where nothing is left.
BULKY = (
    "maps/shard-*.safetensors",
    "figures/*.svg",
    "figures/*.png",
    "curves.parquet",
    "localisation.parquet",
    "images.parquet",
)


def point(link: Path, target: str) -> str:
    """Makes the link point there, at once; a text file with the name where there are no links.

    Returns:
        What is in the way, and was left as it is; empty where nothing is.
    """
    if not link.is_symlink() and link.exists() and not (link.is_file() and _is_ours(link)):
        return f"'{link}' is no link that a night made; it is left as it is, and does not lead to night {target}"
    scratch = link.with_name(f".{link.name}.tmp")
    scratch.unlink(missing_ok=True)
    try:
        scratch.symlink_to(target)
    except (OSError, NotImplementedError):  # Windows and file systems without links
        write_atomic(link, f"{target}\n".encode())
    else:
        scratch.replace(link)
    return ""


def prune(root: Path, keep: int) -> None:
    """Removes what is bulky from all but the newest nights and those to compare with; scores, tables and pages stay."""
    every = [night for night in nights(root) if night.verdict is not None and NAME.fullmatch(night.name)]
    kept = [night for night in every if night.good][-1:] + [night for night in every if night.accepted]
    for night in every[:-keep]:
        if night in kept:
            continue
        for path in _bulky(night.folder):
            path.unlink(missing_ok=True)
        for name in ("maps", "figures"):
            folder = night.folder / name
            if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
                folder.rmdir()


def _bulky(folder: Path) -> Iterator[Path]:
    for pattern in BULKY:
        parent = folder / Path(pattern).parent
        if parent.is_dir() and not parent.is_symlink():
            yield from (path for path in parent.glob(Path(pattern).name) if path.is_file() and not path.is_symlink())


def _is_ours(link: Path) -> bool:
    """Whether a file is what `point` writes where there are no links."""
    return link.stat().st_size < 100 and bool(
        NAME.fullmatch(link.read_text(encoding="utf-8", errors="replace").strip())
    )
