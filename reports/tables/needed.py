"""How many images a difference that was not shown would have taken."""

import math
from collections.abc import Mapping
from typing import Any

MOST = 100_000  # images from which on a number says nothing


def needed(row: Mapping[str, Any]) -> int | None:
    """Images that would show a mean difference as large as the one seen, with 80 % power at the corrected level.

    What n images could have shown shrinks with the root of n: N = n (detectable / |difference|)^2, to two digits,
    upwards. None where the difference is 0 or it is not known what these images could have shown.

    Args:
        row: `n`, `mean_difference` and `detectable` of a comparison.
    """
    difference, detectable = abs(row["mean_difference"]), row["detectable"]
    if not difference or math.isnan(detectable) or math.isnan(difference):
        return None
    images = row["n"] * (detectable / difference) ** 2
    if images > MOST:
        return MOST + 1
    digit = 10 ** max(0, math.floor(math.log10(max(images, 1))) - 1)
    return math.ceil(images / digit - 1e-9) * digit


def needed_text(row: Mapping[str, Any]) -> str:
    """A sentence of it; "" where there is no difference at all."""
    images = needed(row)
    if math.isnan(row["detectable"]):
        return "So few images that differ could not have shown any difference."
    if images is None:
        return ""
    if images > MOST:
        return f"A difference of this size would need more than {MOST:,} images."
    return f"A difference of this size would need about {images:,} images."
