"""The pictures that a run keeps in images.parquet."""

import io
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
from PIL import Image

from reports.errors import ReportError
from reports.plain import visible
from reports.runs.columns import check_column, opened
from reports.runs.schema import ADVICE

BATCH = 64  # pictures in memory at a time


def read_jpegs(path: Path, wanted: Collection[str]) -> Iterator[tuple[str, bytes]]:
    """Ids and JPEG files of the wanted images, in the order of the file: of many pictures a few are shown.

    Raises:
        ReportError: the file cannot be read, or its column of pictures is missing or holds something else.
    """
    with opened(path) as file:
        check_column(path, file, "jpeg")
        kind = file.schema_arrow.field("jpeg").type
        if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
            raise ReportError(f"'{path}', column 'jpeg' holds {visible(str(kind))}, expected binary; {ADVICE}")
        for batch in file.iter_batches(BATCH, columns=["image_id", "jpeg"]):
            for image_id, jpeg in zip(batch["image_id"].to_pylist(), batch["jpeg"], strict=True):
                if image_id not in wanted:
                    continue
                if not jpeg.is_valid:
                    raise ReportError(f"'{path}', column 'jpeg' is empty for image '{visible(image_id)}'; {ADVICE}")
                yield image_id, jpeg.as_py()


def read_picture(path: Path, image_id: str, jpeg: bytes, size: tuple[int, int]) -> np.ndarray:
    """A JPEG of the size that the model saw, (H, W, 3) uint8.

    Raises:
        ReportError: it is damaged or of another size.
    """
    said = f"'{path}', column 'jpeg' of image '{visible(image_id)}'"
    try:
        with Image.open(io.BytesIO(jpeg), formats=("JPEG",)) as image:
            found = (image.height, image.width)
            if found != size:
                raise ReportError(
                    f"{said} is {found[0]} x {found[1]}, image_size of the manifest {size[0]} x {size[1]}"
                )
            return np.asarray(image.convert("RGB"))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        if isinstance(error, ReportError):
            raise
        raise ReportError(f"{said} cannot be read ({visible(str(error))}); score the run again") from error
