"""One record at a time: from a file or a drawing to tensors, or to the reason why not."""

import math
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
        stamps = {path: self.stamps[path] for path in record.files if path in self.stamps}
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
        if record.tiles:
            return self._mosaic(record)
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

    def _mosaic(self, record: Record) -> Reading:
        """Tiles side by side, each cropped as a photograph of its size; masks are the tiles of each class, whole."""
        side = math.isqrt(len(record.tiles))
        image = torch.empty(3, *self.fit.crop, dtype=torch.uint8)
        masks = torch.zeros(len(self.classes), *self.fit.crop, dtype=torch.uint8)
        for number, tile in enumerate(record.tiles):
            (top, bottom), (left, right) = (
                (size * place // side, size * (place + 1) // side)
                for size, place in zip(self.fit.crop, divmod(number, side), strict=True)
            )
            crop = (bottom - top, right - left)
            fit = Fit(max(*crop, self.fit.resize // side), crop, self.fit.interpolation)
            try:
                pixels, _ = read_photograph(tile.path, self.stamps.get(tile.path))
                image[:, top:bottom, left:right] = fit.image(pixels)
            except UnreadableError as error:
                raise UnreadableError(f"tile '{printable(tile.path.name)}': {error}") from error
            masks[[self.classes.index(name) for name in tile.classes], top:bottom, left:right] = 1
        nothing = torch.full_like(masks, IGNORE)
        return image, masks, nothing, torch.zeros(self.fit.crop, dtype=torch.uint8)

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
    return {path: stamp_of(path) for record in records.values() for path in record.files}
