"""The pictures that a run keeps in images.parquet."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from reports.errors import ReportError
from reports.plain import visible


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
