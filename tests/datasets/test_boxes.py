import pytest

from datasets import Box, DatasetError
from datasets.boxes import BoxText, make_boxes
from datasets.names import DEFAULT, Names

NAMES = Names(DEFAULT)


def boxes(*corners: str) -> list[Box]:
    texts = [BoxText(f"line {n}", "Cat", " head", words.split(), ("cat",)) for n, words in enumerate(corners, 2)]
    return make_boxes(texts, NAMES)


def test_pixels():
    assert boxes("1 2 3 4", "-3 0 9.5 1e3") == [Box("cat", "head", 1, 2, 3, 4), Box("cat", "head", -3, 0, 9.5, 1000)]


def test_shares_of_the_image():
    assert boxes("0 .25 1 0.75", "0 0 1 1") == [
        Box("cat", "head", 0, 0.25, 1, 0.75, relative=True),
        Box("cat", "head", 0, 0, 1, 1, relative=True),
    ]


@pytest.mark.parametrize(
    ("corners", "said"),
    [
        (("5 5 9 9", ".1 .2 .3 .4"), "line 3: corners from 0 to 1, but line 2 gives pixels; give all boxes the same"),
        (("5 5 9 9", "0 0 1 1"), "line 3: box is 0 0 1 1, which is one pixel"),
        (("0 0 1 1",), "line 2: box is 0 0 1 1, which is one pixel or the whole image"),
        ((".5 .5 1.002 .9",), "line 2: box is 0.5 0.5 1.002 0.9, smaller than a pixel; expected pixels, or all four"),
        (("3 2 1 4",), "line 2: box is 3 2 1 4, expected xmin < xmax and ymin < ymax"),
        (("nan 2 3 4",), "line 2: box is nan 2 3 4, expected four finite numbers"),
        (("1 2 inf 4",), "line 2: box is 1 2 inf 4, expected four finite numbers"),
        (("1 2 1e30 4",), r"line 2: box is 1 2 1e\+30 4, expected four finite numbers of at most 1000000"),
        (("-9 -9 -1 5",), "line 2: box is -9 -9 -1 5, outside any image"),
        (("1 2 3",), "line 2: box is '1 2 3', expected xmin ymin xmax ymax"),
        (("1 2 3 4 5",), "line 2: box is '1 2 3 4 5', expected xmin ymin xmax ymax"),
        (("1 2 3 four",), "line 2: box is '1 2 3 four', expected xmin ymin xmax ymax$"),
        (("1,5 2,5 3 4",), "line 2: box is '1,5 2,5 3 4', .*; write decimals with a point"),
    ],
)
def test_what_is_no_box_is_refused_by_line(corners, said):
    with pytest.raises(DatasetError, match=said):
        boxes(*corners)


def test_a_box_of_an_animal_that_the_image_does_not_show_is_refused():
    with pytest.raises(DatasetError, match="line 7: box of a dog on an image of a cat"):
        make_boxes([BoxText("line 7", "dog", "head", ["1", "2", "3", "4"], ("cat",))], NAMES)
    with pytest.raises(DatasetError, match="line 7: box class is 'horse', expected one of cat, dog"):
        make_boxes([BoxText("line 7", "horse", "head", ["1", "2", "3", "4"], DEFAULT)], NAMES)
