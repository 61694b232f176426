"""What a photograph goes through before the network sees it."""

import math
import re
from dataclasses import dataclass
from typing import Any

from weights.errors import WeightsError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
INTERPOLATIONS = ("bilinear", "bicubic")
LARGEST = 4096  # pixels of a side: a batch of larger images fits no memory
MEAN, STD = 10, (1e-4, 1e4)  # the mean's largest amount, and the range of std, of images in [0, 1]
LUMA = (0.299, 0.587, 0.114)  # grey of red, green and blue (ITU-R BT.601)
TWO_SIDES = re.compile(r"\s*([0-9]{1,6})\s*[x\u00d7]\s*([0-9]{1,6})\s*")


@dataclass(frozen=True)
class Preprocess:
    """From a photograph to what the network was trained on. The defaults are those of torchvision's ImageNet models.

    Attributes:
        resize: shorter side after antialiased resizing, pixels.
        crop: side of the centre crop, pixels, or its height and width where they differ; also read from "224x288".
        mean: per channel of RGB in [0, 1]; one number for a network of one channel, which sees grey (`LUMA`).
        std: per channel, in the same unit.
        interpolation: of resizing, bilinear or bicubic.

    Raises:
        WeightsError: a side that is no number of pixels up to 4096, a crop larger than the resized image, not one or
            three finite numbers per channel, of images in [0, 1], or an unknown interpolation.
    """

    resize: int = 224
    crop: int | tuple[int, int] = 224
    mean: tuple[float, ...] = IMAGENET_MEAN
    std: tuple[float, ...] = IMAGENET_STD
    interpolation: str = "bilinear"

    def __post_init__(self) -> None:
        object.__setattr__(self, "crop", _crop(self.crop))
        for name, side in (("resize", self.resize), *(("crop", side) for side in self.size)):
            if not isinstance(side, int) or isinstance(side, bool) or not 1 <= side <= LARGEST:
                raise WeightsError(f"{name} is {_short(side)}, expected a number of pixels from 1 to {LARGEST}")
        if max(self.size) > self.resize:
            expected = f"expected at most resize ({self.resize}); give --resize {max(self.size)} or more"
            raise WeightsError(f"crop is {shown(self.crop)}, {expected}")
        if self.interpolation not in INTERPOLATIONS:
            raise WeightsError(f"interpolation is {_short(self.interpolation)}, expected {' or '.join(INTERPOLATIONS)}")
        self._check_channels()

    def _check_channels(self) -> None:
        for name, values in (("mean", self.mean), ("std", self.std)):
            if not isinstance(values, tuple) or len(values) not in (1, 3) or not all(map(_is_finite, values)):
                expected = "expected three finite numbers, one per channel (or one, for a network that sees grey)"
                raise WeightsError(f"{name} is {_short(values)}, {expected}")
        if len(self.mean) != len(self.std):
            counts = f"mean is {_short(self.mean)}, std is {_short(self.std)}"
            raise WeightsError(f"{counts}; expected as many numbers in both: say both")
        if min(self.std) <= 0:
            expected = "three numbers" if len(self.std) == 3 else "a number"
            raise WeightsError(f"std is {_short(self.std)}, expected {expected} above 0")
        if max(map(abs, self.mean)) > MEAN:
            raise WeightsError(f"mean is {_short(self.mean)}, images are in [0, 1]; divide mean and std by 255")
        if min(self.std) < STD[0] or max(self.std) > STD[1]:
            raise WeightsError(f"std is {_short(self.std)}, expected numbers from {STD[0]} to {STD[1]:.0f}")

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the crop, pixels."""
        return self.crop if isinstance(self.crop, tuple) else (self.crop, self.crop)

    @property
    def colour(self) -> tuple[float, float, float]:
        """Red, green and blue that are 0 after normalisation."""
        red, green, blue = self.mean if len(self.mean) == 3 else self.mean * 3
        return red, green, blue

    def record(self) -> dict[str, Any]:
        """The settings as JSON takes them; a bilinear interpolation is not said: older files do not say it either."""
        said: dict[str, Any] = {
            "resize": self.resize,
            "crop": self.crop,
            "mean": list(self.mean),
            "std": list(self.std),
        }
        if isinstance(self.crop, tuple):
            said["crop"] = shown(self.crop)
        return said if self.interpolation == "bilinear" else {**said, "interpolation": self.interpolation}


def shown(crop: Any) -> str:
    """A crop as `--crop` takes it: 224, or height x width, 224x288."""
    return "x".join(map(_short, crop)) if isinstance(crop, tuple) else _short(crop)


def _crop(crop: Any) -> Any:
    """One number for a square, height and width for any other crop; what is no crop stays what it is."""
    if isinstance(crop, str) and (sides := TWO_SIDES.fullmatch(crop)):
        crop = (int(sides[1]), int(sides[2]))
    if isinstance(crop, list | tuple):
        if len(crop) != 2:
            raise WeightsError(f"crop is {_short(crop)}, expected one side, or height and width such as 224x288")
        return crop[0] if crop[0] == crop[1] else tuple(crop)
    return crop


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < math.inf


def _short(value: object) -> str:
    """A value as text, also one of a thousand digits."""
    if isinstance(value, tuple | list):
        return f"({', '.join(map(_short, value[:5]))}{', ...' if len(value) > 5 else ',' if len(value) == 1 else ''})"
    if isinstance(value, int) and value.bit_length() > 64:
        return f"a number of {value.bit_length()} bits"
    return repr(value)[:50]
