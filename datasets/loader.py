"""The one loader: decodes, resizes, batches, prefetches; images stream through it."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from multiprocessing import connection
from multiprocessing.process import BaseProcess

import torch
from torch import Tensor
from torch.utils import data

from datasets.decode import UnreadableError, read_image, read_mask
from datasets.geometry import IGNORE, fit_image, fit_mask, paint_boxes
from datasets.records import DatasetError, Record, Skipped, printable
from datasets.redraw import Removals, draw_annotated, draw_removals

PREFETCH = 2  # batches per worker


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
    crop: int,
    classes: Sequence[str],
    workers: int = 0,
    pin_memory: bool = False,
    removals: bool = False,
) -> Iterator[Batch]:
    """One batch per list of positions, in that order; the result does not depend on `workers`.

    Args:
        records: of the data set.
        batches: positions into `records`.
        resize: shorter side, pixels.
        crop: side of the centre crop, pixels, at most `resize`.
        classes: the order of the K classes.
        workers: processes that decode; 0 decodes in this one.
        pin_memory: return page-locked memory, for a GPU.
        removals: draw drawn images again without each part.

    Raises:
        DatasetError: a worker process died.
    """
    source = _Batches(records, batches, resize, crop, tuple(classes), removals)
    # A forked copy of a process with threads may hang; the fork server has none, and imports this module once.
    context = multiprocessing.get_context("forkserver") if workers else None
    if context is not None:
        context.set_forkserver_preload(["datasets.loader"])
    loader = data.DataLoader(
        source,
        batch_size=None,
        num_workers=min(workers, len(batches)),
        prefetch_factor=PREFETCH if workers and batches else None,
        multiprocessing_context=context if batches else None,
        pin_memory=pin_memory,
        worker_init_fn=_follow_parent,
        generator=torch.Generator(),  # its own: reading images must not advance the caller's random numbers
    )
    try:
        yield from loader
    except RuntimeError as error:
        if "DataLoader worker" not in str(error):
            raise
        raise DatasetError(f"a process that decodes images died ({error}); free memory, or use --workers 0") from error


def _follow_parent(_worker: int) -> None:
    """Ends with the process that asked, and not before.

    Signals to the group are that process's to handle: it ends the batch in flight, then its workers. If it is killed,
    the fork server between it and this worker would keep both alive.
    """
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    threading.Thread(target=_exit_with, args=(multiprocessing.parent_process(),), daemon=True).start()


def _exit_with(parent: BaseProcess | None) -> None:
    if parent is not None:
        connection.wait([parent.sentinel])
        os._exit(1)


class _Batches(data.Dataset[Batch]):
    """Batch number n, read when asked for."""

    def __init__(
        self,
        records: Sequence[Record],
        batches: Sequence[Sequence[int]],
        resize: int,
        crop: int,
        classes: tuple[str, ...],
        removals: bool,
    ) -> None:
        self.records, self.batches, self.resize, self.crop, self.classes = records, batches, resize, crop, classes
        self.with_parts = any(record.drawing is not None for record in records)
        self.with_removals = removals and self.with_parts
        self.with_masks = any(record.has_mask for record in records)
        self.with_faces = any(record.has_face for record in records)

    def __len__(self) -> int:
        return len(self.batches)

    def __getitem__(self, number: int) -> Batch:
        read: dict[int, tuple[Tensor, ...]] = {}
        skipped = []
        for position in self.batches[number]:
            record = self.records[position]
            try:
                read[position] = self._read(record)
            except UnreadableError as error:
                skipped.append(Skipped(printable(record.path), str(error)))
        positions = tuple(read)
        present = [[name in self.records[p].classes for name in self.classes] for p in positions]

        def stacked(place: int, wanted: bool = True) -> Tensor | None:
            return torch.stack([entry[place] for entry in read.values()]) if read and wanted else None

        images = stacked(0)
        return Batch(
            ids=tuple(self.records[p].image_id for p in positions),
            positions=positions,
            images=torch.empty(0, 3, self.crop, self.crop, dtype=torch.uint8) if images is None else images,
            present=torch.tensor(present, dtype=torch.bool).view(len(read), len(self.classes)),
            masks=stacked(1, self.with_masks),
            faces=stacked(2, self.with_faces),
            parts=stacked(3, self.with_parts),
            removals=self._removals(positions),
            skipped=tuple(skipped),
        )

    def _read(self, record: Record) -> tuple[Tensor, ...]:
        """Image (3, H, W), masks and faces (K, H, W), parts (H, W)."""
        if record.drawing is not None:
            return draw_annotated(record.drawing, self.classes, self.resize, self.crop)
        image = read_image(record.path)
        size = (image.shape[1], image.shape[2])
        masks = [self._mask(record, name, size) for name in self.classes]
        faces = [self._painted(record, name, "head", size) for name in self.classes]
        no_parts = torch.zeros(self.crop, self.crop, dtype=torch.uint8)
        return fit_image(image, self.resize, self.crop), torch.stack(masks), torch.stack(faces), no_parts

    def _removals(self, positions: Sequence[int]) -> Removals | None:
        if not (self.with_removals and positions):
            return None
        drawings = [self.records[position].drawing for position in positions]
        return draw_removals(drawings, self.classes, self.resize, self.crop)

    def _mask(self, record: Record, name: str, size: tuple[int, int]) -> Tensor:
        """Where class `name`'s map should sit, (crop, crop)."""
        if record.mask_path is None or len(record.classes) > 1:
            return self._painted(record, name, "animal", size)
        mask = read_mask(record.mask_path, dict(record.mask_values))
        if tuple(mask.shape) != size:
            found, expected = ("x".join(map(str, reversed(s))) for s in (tuple(mask.shape), size))
            raise UnreadableError(f"mask '{record.mask_path.name}' is {found} pixels, the image {expected}")
        return fit_mask(mask, self.resize, self.crop)

    def _painted(self, record: Record, name: str, part: str, size: tuple[int, int]) -> Tensor:
        """Boxes of a part as a mask: of class `name` on a two-animal image, else of the animal there is."""
        owner = name if len(record.classes) > 1 else record.classes[0]
        boxes = [box for box in record.boxes if box.part == part and box.class_name == owner]
        if not boxes:
            return torch.full((self.crop, self.crop), IGNORE, dtype=torch.uint8)
        return fit_mask(paint_boxes(boxes, size), self.resize, self.crop)
