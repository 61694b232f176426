"""One record at a time: from a file or a drawing to tensors, or to the reason why not."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from datasets.content import Stamp, UnreadableError, refusing, stamp_of
from datasets.decode import read_mask, read_photograph
from datasets.geometry import IGNORE, Fit, paint_boxes, upright_mask
from datasets.records import Record, Skipped, printable
from datasets.redraw import draw_annotated

Reading = tuple[Tensor, ...]  # image (3, H, W), masks and faces (K, H, W), parts (H, W); all uint8


@dataclass(frozen=True)
class Reader:
    """Reads records.

    Attributes:
        records: by position.
        stamps: of their files when the run began; a file that is not in it is read as it is.
        fit: the size that pictures are brought to.
        classes: the order of the K classes.
    """

    records: Mapping[int, Record]
    stamps: Mapping[Path, Stamp]
    fit: Fit
    classes: tuple[str, ...]

    def only(self, position: int) -> "Reader":
        """A reader of one record, small enough to send to a process of its own."""
        record = self.records[position]
        paths = [path for path in (record.path, record.mask_path) if path in self.stamps]
        stamps = {path: self.stamps[path] for path in paths if path is not None}
        return Reader({position: record}, stamps, self.fit, self.classes)

    def read(self, position: int) -> Reading | Skipped:
        """The record, or why it is skipped: whatever one file does, the others are scored."""
        record = self.records[position]
        try:
            with refusing("cannot be read"):
                return self._read(record)
        except UnreadableError as error:
            return self.skipped(position, str(error))

    def skipped(self, position: int, reason: str) -> Skipped:
        """The record left out."""
        return Skipped(printable(self.records[position].path), reason)

    def _read(self, record: Record) -> Reading:
        if record.drawing is not None:
            return draw_annotated(record.drawing, self.classes, self.fit)
        image, orientation = read_photograph(record.path, self.stamps.get(record.path))
        size = (image.shape[1], image.shape[2])
        if record.mask_path is not None and len(record.classes) == 1:
            mask = self._mask(record.mask_path, dict(record.mask_values), size, orientation)
            masks = [mask for _ in self.classes]
        else:
            masks = [self._painted(record, name, "animal", size) for name in self.classes]
        faces = [self._painted(record, name, "head", size) for name in self.classes]
        no_parts = torch.zeros(self.fit.crop, dtype=torch.uint8)
        return self.fit.image(image), torch.stack(masks), torch.stack(faces), no_parts

    def _mask(self, path: Path, values: Mapping[int, int], size: tuple[int, int], orientation: int) -> Tensor:
        """Where the animal is, (h, w)."""
        mask = read_mask(path, values, self.stamps.get(path))
        try:
            return self.fit.mask(upright_mask(mask, size, orientation))
        except UnreadableError as error:
            raise UnreadableError(f"mask '{printable(path.name)}' {error}") from error

    def _painted(self, record: Record, name: str, part: str, size: tuple[int, int]) -> Tensor:
        """Boxes of a part as a mask: of class `name` on a two-animal image, else of the animal there is."""
        owner = name if len(record.classes) > 1 else next(iter(record.classes), None)
        boxes = [box for box in record.boxes if box.part == part and box.class_name == owner]
        if not boxes:
            return torch.full(self.fit.crop, IGNORE, dtype=torch.uint8)
        return self.fit.mask(paint_boxes(boxes, size))


def stamps_of(records: Mapping[int, Record]) -> dict[Path, Stamp]:
    """The stamps of all files of the records."""
    paths = (path for record in records.values() if record.drawing is None for path in (record.path, record.mask_path))
    return {path: stamp_of(path) for path in paths if path is not None}
