import math

import pytest

from reports.tables.needed import MOST, needed, needed_text


def row(n: int, difference: float, detectable: float) -> dict[str, float]:
    return {"n": n, "mean_difference": difference, "detectable": detectable}


@pytest.mark.parametrize(
    ("n", "difference", "detectable", "images"),
    [
        (100, 0.1, 0.1, 100),
        (100, -0.1, 0.2, 400),  # half the difference takes four times the images
        (24, 0.05, 0.12, 140),  # 138.24, to two digits upwards
        (9, 0.3, 0.1, 1),
        (100, 0.0, 0.1, None),
        (100, 0.1, math.nan, None),
        (0, math.nan, math.nan, None),
        (100, 0.0001, 0.1, MOST + 1),
    ],
)
def test_images_grow_with_the_square(n, difference, detectable, images):
    assert needed(row(n, difference, detectable)) == images


def test_words():
    assert needed_text(row(24, 0.05, 0.12)) == "A difference of this size would need about 140 images."
    assert "more than 100,000" in needed_text(row(100, 0.0001, 0.1))
    assert "could not have shown any" in needed_text(row(9, 0.1, math.nan))
    assert needed_text(row(9, 0.0, 0.1)) == ""
