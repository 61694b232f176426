"""Boxes from text: pixels, or shares of the image where that is certain."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from datasets.names import Names
from datasets.records import Box, DatasetError
from datasets.text import shown

CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class BoxText:
    """A box as a file gives it.

    Attributes:
        where: file and line, for messages.
        class_name: as the file writes it.
        part: animal or head.
        corners: xmin, ymin, xmax, ymax.
        visible: classes that the image shows.
    """

    where: str
    class_name: str
    part: str
    corners: Sequence[str]
    visible: tuple[str, ...]


def make_boxes(texts: Iterable[BoxText], names: Names) -> list[Box]:
    """The boxes of one file, in its order.

    Corners that all lie in 0..1, and are not all whole, can only be shares of the image's size: in pixels the box
    would be smaller than a pixel. One file gives all its boxes one way.

    Args:
        texts: the boxes.
        names: of the classes.

    Raises:
        DatasetError: no numbers, no box, an unknown class or part, a class that the image does not show, both ways in
            one file; the message names the line.
    """
    texts = list(texts)
    corners = [_numbers(text) for text in texts]
    ways = [_way(numbers) for numbers in corners]
    first = {way: texts[place].where for place, way in reversed(list(enumerate(ways)))}
    if "shares" in first and "pixels" in first:
        raise DatasetError(
            f"{first['shares']}: corners from 0 to 1, but {first['pixels']} gives pixels; give all boxes the same way"
        )
    if "either" in first and "shares" not in first:
        raise DatasetError(f"{first['either']}: box is 0 0 1 1, which is one pixel or the whole image; give pixels")
    return [_box(text, numbers, names, "shares" in first) for text, numbers in zip(texts, corners, strict=True)]


def _way(numbers: Sequence[float]) -> str:
    if not all(0 <= number <= 1 for number in numbers):
        return "pixels"
    return "either" if all(number in (0, 1) for number in numbers) else "shares"


def _numbers(text: BoxText) -> list[float]:
    try:
        numbers = [float(corner) for corner in text.corners]
    except ValueError as error:
        hint = "; write decimals with a point" if any("," in corner for corner in text.corners) else ""
        raise _no_box(text, hint) from error
    if len(numbers) != len(CORNERS):
        raise _no_box(text)
    return numbers


def _no_box(text: BoxText, hint: str = "") -> DatasetError:
    given = shown(" ".join(corner.strip() for corner in text.corners).strip())
    return DatasetError(f"{text.where}: box is '{given}', expected {' '.join(CORNERS)}{hint}")


def _box(text: BoxText, numbers: Sequence[float], names: Names, relative: bool) -> Box:
    name, part = names.find(text.class_name), shown(text.part.strip().lower())
    if not name:
        given = shown(text.class_name.strip())
        raise DatasetError(f"{text.where}: box class is '{given}', expected one of {names}{names.closest(given)}")
    try:
        xmin, ymin, xmax, ymax = numbers
        box = Box(name, part, xmin, ymin, xmax, ymax, relative, text.where)
    except DatasetError as error:
        raise DatasetError(f"{text.where}: {error}") from error
    if name not in text.visible:
        raise DatasetError(
            f"{text.where}: box of a {name} on an image of a {'+'.join(text.visible)}; correct one of the two"
        )
    return box
