"""What images, labels and masks may be, and the one line where they are not."""

import numpy as np
import pandas as pd
import pytest
import torch

from bench.errors import ConfigError
from bench.library.annotations import label_array, masks_of, presence
from bench.library.images import Images

NAMES = ("cat", "dog", "fox")
EXPECTED = [[True, False, False], [False, False, True]]


@pytest.mark.parametrize(
    "labels",
    [
        ["cat", "fox"],
        ("Cats", "fox"),
        np.array(["cat", "fox"]),
        pd.Series(["cat", "fox"]),
        pd.Series(["cat", "fox"], dtype="category"),
        [0, 2],
        torch.tensor([0, 2]),
        np.array([0, 2], dtype=np.uint8),
        [[1, 0, 0], [0, 0, 1]],
        torch.tensor([[1.0, 0, 0], [0, 0, 1]]),
        torch.tensor([[True, False, False], [False, False, True]]),
    ],
)
def test_labels_in_every_form(labels):
    assert presence(label_array(labels, 2), NAMES).tolist() == EXPECTED


def test_several_classes_are_joined_by_plus_or_have_several_ones():
    for labels in (["cat+fox"], [[1, 0, 1]]):
        assert presence(label_array(labels, 1), NAMES).tolist() == [[True, False, True]]
    assert presence(label_array(["a+b"], 1), ("a+b", "c")).tolist() == [[True, False]]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["cat", "dgo"], "unknown class 'dgo' (did you mean 'dog'?)"),
        ([0, 3], "label of image 1 is 3, expected 0 to 2 for cat, dog, fox"),
        ([-1, 0], "label of image 0 is -1, expected 0 to 2"),
        (["cat"], "labels have the shape (1,) for 2 images"),
        ([True, False], "labels are bool of shape (2,)"),
        ([0.0, 1.0], "labels are float64"),
        ([[1, 0], [0, 1]], "labels have the shape (2, 2) of int64, expected presence (N, 3) of 0 and 1"),
        ([[1, 2, 0], [0, 1, 0]], "expected presence (N, 3) of 0 and 1"),
        ([[1, 0, 0], [0, 0, 0]], "labels say that image 1 shows no class"),
        ([[0], [0, 1]], "rows of several lengths"),
        ("cat", "labels are a str"),
        (None, "labels have the shape () for 2 images"),
    ],
)
def test_labels_that_cannot_be_are_refused_in_one_line(labels, said):
    with pytest.raises(ConfigError) as caught:
        presence(label_array(labels, 2), NAMES)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


PRESENT = torch.tensor([[True, False], [True, True]])


def test_the_object_of_an_image_of_one_class_counts_for_every_class():
    """Rows: one class, two classes. One mask for all says nothing of two; two masks say whose is whose."""
    single = torch.tensor([[[1, 0]], [[0, 1]]])
    assert masks_of(single, PRESENT, (1, 2)).tolist() == [[[[1, 0]], [[1, 0]]], [[[255, 255]], [[255, 255]]]]
    each = torch.tensor([[[[1, 0]], [[0, 0]]], [[[0, 1]], [[1, 255]]]])
    found = masks_of(each, PRESENT, (1, 2))
    assert found.tolist() == [[[[1, 0]], [[1, 0]]], [[[0, 1]], [[1, 255]]]]
    assert found.dtype == torch.uint8
    assert masks_of(single.bool(), PRESENT, (1, 2)).equal(masks_of(single.float(), PRESENT, (1, 2)))


@pytest.mark.parametrize(
    ("masks", "said"),
    [
        (torch.zeros(2, 2, 2), "masks have the shape (2, 2, 2), expected (2, 1, 2) or (2, 2, 1, 2)"),
        (torch.tensor([[[1, 0]], [[0, 7]]]), "the mask of image 4 holds 7, expected 1 object"),
        (torch.tensor([[[0.5, 0]], [[0, 1]]]), "the mask of image 3 holds 0.5"),
    ],
)
def test_masks_that_cannot_be_are_refused_in_one_line(masks, said):
    with pytest.raises(ConfigError) as caught:
        masks_of(masks, PRESENT, (1, 2), first=3)
    assert said in str(caught.value)


FINE, SHOWN = torch.full((2, 3, 4, 4), 0.5), ["cat", "dog"]


def broken():
    yield FINE, SHOWN
    raise RuntimeError("disk on fire")


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ((FINE,), "labels are missing"),
        ((FINE * 255, SHOWN), "images span 128 to 128, expected values in [0, 1]; give them as they are before"),
        ((FINE - 1, SHOWN), "images span -0.5 to -0.5"),
        ((FINE * torch.nan, SHOWN), "images span nan to nan"),
        (((FINE * 255).byte(), SHOWN), "images are torch.uint8, expected floats in [0, 1]; give images / 255"),
        ((FINE[0], ["cat"]), "images have the shape (3, 4, 4), expected (N, 3, H, W), RGB"),
        ((FINE[:, :1], SHOWN), "images have the shape (2, 1, 4, 4)"),
        ((FINE.permute(0, 2, 3, 1), SHOWN), "move the channels to the front with permute(0, 3, 1, 2)"),
        ((FINE[:0], []), "images are empty"),
        (([],), "images are empty"),
        ((3,), "images are a int, expected a tensor (N, 3, H, W), or batches"),
        ((FINE, SHOWN, torch.zeros(1, 4, 4)), "masks have the shape (1, 4, 4), expected one for each of 2 images"),
        ((FINE, SHOWN, "no mask"), "masks are a str, expected a tensor"),
        (([FINE],), "batch 0 of the images is a Tensor, expected (images, labels[, masks])"),
        (([(FINE, SHOWN, None, 1)],), "batch 0 of the images is 4 things"),
        (([(FINE[0], 1)],), "wrap the data set into a DataLoader"),
        (([(FINE, SHOWN)], SHOWN), "labels or masks are given beside batches"),
        (([(FINE, SHOWN), (FINE[..., :2], SHOWN)],), "images are (4, 2) and (4, 4) pixels large, expected one size"),
        (([(FINE, SHOWN), (FINE, SHOWN, torch.zeros(2, 4, 4))],), "some batches have masks and others have none"),
        (([(FINE, SHOWN), (FINE, [0, 5])],), "label of image 3 is 5"),
        ((broken(),), "images, batch 1 raised RuntimeError: disk on fire (test_images.py, line"),
        ((FINE, SHOWN, None, ["a"]), "ids are 1 names and there are more images"),
        ((FINE, SHOWN, None, ["a", "b", "c"]), "ids are 3 names for 2 images"),
        ((FINE, SHOWN, None, ["a", "a"]), "ids hold 'a' twice"),
        ((FINE, SHOWN, None, ["a", 1]), "ids hold 1, expected a text for every image"),
        ((FINE, SHOWN, None, "ab"), "expected a text for every image"),
    ],
)
def test_images_that_cannot_be_are_refused_in_one_line(given, said):
    images, labels, masks, ids = (*given, *[None] * (4 - len(given)))
    with pytest.raises(ConfigError) as caught:
        list(Images(images, labels, masks, ids).batches(2, NAMES))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_batches_are_cut_anew():
    """Of 1, 0, 3 and 3 images, by three: 3, 3 and 1, in order."""
    images = torch.arange(7.0).view(7, 1, 1, 1).expand(7, 3, 2, 2) / 10
    stream = [(images[a:b], [0] * (b - a)) for a, b in ((0, 1), (1, 1), (1, 4), (4, 7))]
    batches = list(Images(stream, None, None).batches(3, NAMES))
    assert [len(batch.ids) for batch in batches] == [3, 3, 1]
    assert torch.cat([batch.images for batch in batches]).equal(images)
    assert batches[1].positions == (3, 4, 5)
    assert batches[2].ids == ("000006",)


def test_the_fingerprint_is_of_contents_labels_and_names():
    def of(*given):
        pictures = Images(*given)
        list(pictures.batches(2, NAMES))
        return pictures.record()["fingerprint"]

    other = FINE.clone()
    other[1, 0, 0, 0] = 0.25
    same = [
        of(FINE, SHOWN, None),
        of(FINE.double().numpy(), [0, 1], None),
        of([(FINE[:1], [0]), (FINE[1:], [1])], None, None),
    ]
    assert len(set(same)) == 1
    masks = torch.zeros(2, 4, 4)
    others = {of(other, SHOWN, None), of(FINE, [0, 0], None), of(FINE, SHOWN, None, ["a", "b"]), of(FINE, SHOWN, masks)}
    assert len(others | set(same)) == 5
