"""What comes last of reading a list of images: none twice, no class that was given and is empty, checked types."""

import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from datasets.decode import UnreadableError, read_image
from datasets.listing import DUPLICATE, kinds_text
from datasets.records import Box, Dataset, DatasetError, Record, Skipped, content_hash
from datasets.text import printable, shown


def gather(
    name: str,
    root: Path,
    split: str | None,
    records: Iterable[Record],
    skipped: Iterable[Skipped],
    notes: Iterable[str],
    *,
    given: Iterable[str],
    class_of: Callable[[Skipped], tuple[str, ...]],
) -> Dataset:
    """A data set of images that are all different.

    The second of two files of the same content is left out; under two labels it is an error.

    Args:
        name: of the adapter.
        root: folder or file it was read from.
        split: part of the data set.
        records: what was found.
        skipped: what was left out.
        notes: what is odd.
        given: classes that the data set is to have images of; one of them empty is an error.
        class_of: the classes that something left out would have shown, as far as its name tells.

    Raises:
        DatasetError: no images, a class without any, or the same picture under two labels.
    """
    left_out = list(skipped)
    kept, doubled, digests = _all_different(list(records))
    _check_classes(root, kept, left_out, set(given), class_of)
    return Dataset(name, root, split, tuple(kept), (*left_out, *doubled), tuple(notes), digests)


def check_dataset(name: str, found: object) -> Dataset:
    """What a data set's function returned, checked.

    Args:
        name: of the function, for the message.
        found: what it returned.

    Raises:
        DatasetError: no `Dataset`, or one whose fields hold something else than they should.
    """
    said = f"data set '{name}' returned"
    if not isinstance(found, Dataset):
        raise DatasetError(f"{said} a {type(found).__name__}, expected a datasets.Dataset(name, root, split, records)")
    for content, kind, where in (
        (found.records, Record, "records"),
        (found.skipped, Skipped, "skipped"),
        (found.notes, str, "notes"),
    ):
        if not isinstance(content, tuple | list) or not all(isinstance(entry, kind) for entry in content):
            raise DatasetError(f"{said} {where} that are no list of {kind.__name__}; see datasets/records.py")
    for record in found.records:
        mask = record.mask_path
        if not isinstance(record.image_id, str) or not isinstance(record.path, Path):
            raise DatasetError(f"{said} the record '{record.image_id}', expected an image_id of text and a Path")
        if not (mask is None or isinstance(mask, Path)) or not all(isinstance(box, Box) for box in record.boxes):
            raise DatasetError(f"{said} the record '{record.image_id}', expected a mask_path of Path and boxes of Box")
    return found


def _all_different(records: Sequence[Record]) -> tuple[list[Record], list[Skipped], dict[Path, bytes]]:
    """Records without those whose content came before, those, and the hashes that this took.

    Files of different sizes differ; only the others are read, and what was read is not read again for the fingerprint.
    """
    same_size: dict[int, list[Path]] = defaultdict(list)
    for record in records:
        if record.drawing is None:
            same_size[_size(record.path)].append(record.path)
    paths = [path for size, group in same_size.items() if size > 0 and len(group) > 1 for path in group]
    digests = {path: digest for path in paths if (digest := content_hash(path)) is not None}
    kept, doubled, conflicts = [], [], []
    first: dict[bytes, Record] = {}
    for record in records:
        digest = digests.get(record.path)
        twin = record if digest is None else first.setdefault(digest, record)
        if twin is record:
            kept.append(record)
        elif twin.label == record.label:
            doubled.append(Skipped(printable(record.path), f"same content as '{printable(twin.path)}'", DUPLICATE))
        else:
            conflicts.append((twin, record))
            kept.append(record)
    _check_conflicts(conflicts)
    return kept, doubled, digests


def _check_conflicts(conflicts: Sequence[tuple[Record, Record]]) -> None:
    """No picture has two labels; what is no picture is for the loader to leave out."""
    readable = {twin.path: _is_readable(twin.path) for twin, _ in conflicts}
    real = [(twin, record) for twin, record in conflicts if readable[twin.path]]
    if real:
        pair = " and ".join(f"'{shown(printable(record.path))}' ({record.label})" for record in real[0])
        more = f", and {len(real) - 1} more pairs" if len(real) > 1 else ""
        raise DatasetError(f"{pair} are the same picture under two labels{more}; remove the wrong one")


def _is_readable(path: Path) -> bool:
    try:
        read_image(path)
    except UnreadableError:
        return False
    return True


def _check_classes(
    root: Path,
    records: Sequence[Record],
    left_out: Sequence[Skipped],
    given: set[str],
    class_of: Callable[[Skipped], tuple[str, ...]],
) -> None:
    counts = Counter(name for record in records for name in record.classes)
    if not records:
        raise DatasetError(f"no images in '{printable(root)}'; {_left_out_text(left_out)}")
    for name in sorted(given - set(counts)):
        lost = [entry for entry in left_out if name in class_of(entry)]
        others = ", ".join(f"{count} show a {other}" for other, count in counts.items())
        raise DatasetError(
            f"no image in '{printable(root)}' shows a {name}; {others}; {_left_out_text(lost)}; add images of that "
            "class, or list images of one class with --dataset csv"
        )


def _left_out_text(lost: Sequence[Skipped]) -> str:
    if not lost:
        return "nothing was left out"
    return f"left out: {kinds_text(lost)}, the first is '{shown(lost[0].path)}' ({shown(lost[0].reason)})"


def _size(path: Path) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 (three times as fast for tens of thousands of files)
    except OSError:
        return 0
