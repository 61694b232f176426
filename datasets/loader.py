"""The one loader: decodes, resizes, batches, reads ahead; images stream through it."""

from collections.abc import Callable, Generator, Sequence
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from datasets.geometry import fit_of
from datasets.reading import Reader, Reading, stamps_of
from datasets.records import Record, Skipped
from datasets.redraw import Removals, draw_removals
from datasets.workers import in_order


@dataclass(frozen=True)
class Batch:
    """Images of one batch, those that could not be read left out.

    Attributes:
        ids: image ids, B.
        positions: of the records, B.
        images: RGB, (B, 3, H, W) uint8.
        present: classes visible, (B, K) bool.
        masks: where class k's map should sit, (B, K, H, W) uint8: 1 object, 0 background, 255 ignore. On a one-animal
            image the animal, whatever the class; on a two-animal image the class's own animal; all 255 where nothing
            is known. None if no record of the data set has a mask.
        faces: the same for head boxes.
        parts: code of the part seen at every pixel of a drawn image (see `part_code`), else 0, (B, H, W) uint8; None if
            no record is drawn.
        removals: drawn images without one thing; None unless asked for.
        skipped: images left out.
    """

    ids: tuple[str, ...]
    positions: tuple[int, ...]
    images: Tensor
    present: Tensor
    masks: Tensor | None
    faces: Tensor | None
    parts: Tensor | None
    removals: Removals | None
    skipped: tuple[Skipped, ...]

    def pin_memory(self) -> "Batch":
        """The same in page-locked memory; the data loader calls this."""
        return replace(
            self,
            images=self.images.pin_memory(),
            masks=None if self.masks is None else self.masks.pin_memory(),
            faces=None if self.faces is None else self.faces.pin_memory(),
        )


def load_batches(
    records: Sequence[Record],
    batches: Sequence[Sequence[int]],
    *,
    resize: int,
    crop: int | tuple[int, int],
    classes: Sequence[str],
    interpolation: str = "bilinear",
    workers: int = 0,
    pin_memory: bool = False,
    removals: bool = False,
) -> Generator[Batch, None, None]:
    """One batch per list of positions, in that order; the result does not depend on `workers`.

    Whatever an image does, it is skipped with its reason and the others are read: also if it kills the process that
    decodes it (with `workers` of 1 and more), or changes between this call and its reading.

    The processes end with the generator: close it (`contextlib.closing`) where it may not be read to its end. One that
    is forgotten ends with the interpreter at the latest, and keeps it from nothing.

    Args:
        records: of the data set.
        batches: positions into `records`.
        resize: shorter side, pixels.
        crop: side of the centre crop, pixels, or its height and width, at most `resize`.
        classes: the order of the K classes.
        interpolation: of resizing, bilinear or bicubic.
        workers: processes that decode; 0 decodes in this one.
        pin_memory: return page-locked memory, for a GPU.
        removals: draw drawn images again without each part.

    Raises:
        DatasetError: processes cannot be started.
    """
    wanted = {position: records[position] for batch in batches for position in batch}
    reader = Reader(wanted, stamps_of(wanted), fit_of(resize, crop, interpolation), tuple(classes))
    with_parts = any(record.drawing is not None for record in records)
    work = _Batches(
        reader=reader,
        batches=tuple(tuple(batch) for batch in batches),
        with_masks=any(record.has_mask for record in records),
        with_faces=any(record.has_face for record in records),
        with_parts=with_parts,
        with_removals=removals and with_parts,
    )
    return _generate(work, min(workers, len(work)), pin_memory)


def _generate(work: "_Batches", workers: int, pin_memory: bool) -> Generator[Batch, None, None]:
    # A function of its own: the files' stamps are taken when the loader is asked for, not when it is first read.
    found = in_order(work, workers) if workers else map(work, range(len(work)))
    with closing(found) if isinstance(found, Generator) else nullcontext():
        for batch in found:
            yield batch.pin_memory() if pin_memory else batch


@dataclass(frozen=True)
class _Batches:
    """Batch number n, read when asked for; the work of `datasets.workers`, whose parts are positions."""

    reader: Reader
    batches: tuple[tuple[int, ...], ...]
    with_masks: bool
    with_faces: bool
    with_parts: bool
    with_removals: bool

    def __len__(self) -> int:
        return len(self.batches)

    def __call__(self, number: int) -> Batch:
        return self.joined(number, [self.reader.read(position) for position in self.batches[number]])

    def parts(self, number: int) -> Sequence[int]:
        return self.batches[number]

    def single(self, part: int) -> Callable[[int], Reading | Skipped]:
        return self.reader.only(part).read

    def lost(self, part: int, reason: str) -> Skipped:
        return self.reader.skipped(part, reason)

    def joined(self, number: int, parts: Sequence[Reading | Skipped]) -> Batch:
        read = {p: part for p, part in zip(self.batches[number], parts, strict=True) if not isinstance(part, Skipped)}
        records = [self.reader.records[position] for position in read]
        classes, fit = self.reader.classes, self.reader.fit

        def stacked(place: int, wanted: bool = True) -> Tensor | None:
            return torch.stack([part[place] for part in read.values()]) if read and wanted else None

        images = stacked(0)
        present = [[name in record.classes for name in classes] for record in records]
        return Batch(
            ids=tuple(record.image_id for record in records),
            positions=tuple(read),
            images=torch.empty(0, 3, *fit.crop, dtype=torch.uint8) if images is None else images,
            present=torch.tensor(present, dtype=torch.bool).view(len(read), len(classes)),
            masks=stacked(1, self.with_masks),
            faces=stacked(2, self.with_faces),
            parts=stacked(3, self.with_parts),
            removals=self._removals(records),
            skipped=tuple(part for part in parts if isinstance(part, Skipped)),
        )

    def _removals(self, records: Sequence[Record]) -> Removals | None:
        if not (self.with_removals and records):
            return None
        drawings = [record.drawing for record in records]
        return draw_removals(drawings, self.reader.classes, self.reader.fit)
