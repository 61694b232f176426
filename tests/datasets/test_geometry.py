import io

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from datasets import Box
from datasets.content import UnreadableError
from datasets.geometry import Fit, fit_of, paint_boxes, turned, upright_mask


def test_boxes_cover_pixels_whose_centre_they_hold():
    painted = paint_boxes([Box("cat", "head", 1, 0, 3, 2), Box("cat", "head", 3.6, 2, 9, 9)], (3, 5))
    assert painted.tolist() == [[0, 1, 1, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 0, 1]]


def test_shares_are_of_the_images_size():
    painted = paint_boxes([Box("cat", "head", 0.25, 0.5, 0.75, 1, relative=True)], (4, 8))
    assert torch.equal(painted, paint_boxes([Box("cat", "head", 2, 2, 6, 4)], (4, 8)))
    assert painted.sum() == 8


def test_what_is_outside_is_cut_off_and_a_box_wholly_outside_is_refused():
    assert paint_boxes([Box("cat", "head", -5, -5, 1, 2), Box("cat", "head", 3, 2, 99, 99)], (3, 4)).tolist() == [
        [1, 0, 0, 0],
        [1, 0, 0, 0],
        [0, 0, 0, 1],
    ]
    for box in (Box("cat", "head", 4, 0, 9, 3), Box("cat", "head", 0, 3, 4, 9), Box("cat", "head", -5, 0, 0.3, 2)):
        with pytest.raises(UnreadableError, match=r"head box .* is outside the image of 4x3 pixels"):
            paint_boxes([box], (3, 4))
    given = Box("cat", "head", 4, 0, 9, 3, where="'list.csv' line 7")
    with pytest.raises(UnreadableError, match=r"^'list.csv' line 7: head box 4 0 9 3 is outside the image"):
        paint_boxes([given], (3, 4))


@given(st.floats(-3, 9), st.floats(-3, 9), st.floats(1, 9), st.floats(1, 9))
def test_a_pixel_belongs_to_a_box_if_its_centre_does(xmin, ymin, width, height):
    xmax, ymax = xmin + width, ymin + height
    if xmax < 1 or ymax < 1 or xmin > 4 or ymin > 4:
        return
    painted = paint_boxes([Box("cat", "head", xmin, ymin, xmax, ymax)], (5, 5)).tolist()
    for row in range(5):
        for column in range(5):
            inside = ymin <= row + 0.5 < ymax and xmin <= column + 0.5 < xmax
            assert painted[row][column] == inside


@given(st.integers(30, 300), st.integers(30, 300), st.data())
def test_a_box_in_the_picture_and_its_mask_stay_together(width, height, data):
    xmin, ymin = data.draw(st.integers(0, width - 15)), data.draw(st.integers(0, height - 15))
    box = Box("dog", "animal", xmin, ymin, xmin + data.draw(st.integers(12, 60)), ymin + data.draw(st.integers(12, 60)))
    painted = paint_boxes([box], (height, width))
    fit = fit_of(96, 64)
    image, mask = fit.image((painted * 255).expand(3, -1, -1)), fit.mask(painted)
    assert image.shape == (3, 64, 64)
    assert mask.shape == (64, 64)
    assert set(mask.unique().tolist()) <= {0, 1}
    # Antialiasing blurs the edge of the image: where it is clearly inside or outside, the mask agrees.
    assert (mask[image[0] > 200] == 1).all()
    assert (mask[image[0] < 55] == 0).all()


def test_shorter_side_and_centre_crop():
    image = torch.zeros(3, 100, 200, dtype=torch.uint8)
    image[:, :, 75:125] = 200  # the middle quarter
    fitted = fit_of(50, 40).image(image)
    assert fitted.shape == (3, 40, 40)
    assert (fitted[:, :, 9:31] == 200).all()
    assert (fitted[:, :, :5] == 0).all()


@pytest.mark.parametrize("crop", [(20, 48), (48, 20), (48, 48)])
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_crops_of_two_sides_are_of_the_centre_and_the_mask_goes_with_them(crop, interpolation):
    mask = paint_boxes([Box("cat", "animal", 30, 40, 90, 100)], (120, 160))
    fit = Fit(48, crop, interpolation)  # 0.4 of the size: 48 x 64, the box is 12 to 36 across and 16 to 40 down
    image, fitted = fit.image((mask * 255).expand(3, -1, -1)), fit.mask(mask)
    assert image.shape == (3, *crop)
    top, left = (48 - crop[0]) // 2, (64 - crop[1]) // 2
    expected = torch.zeros(48, 64, dtype=torch.uint8)
    expected[16:40, 12:36] = 1
    assert torch.equal(fitted, expected[top : top + crop[0], left : left + crop[1]])
    assert ((image[0] > 127) == fitted).all()


def test_interpolations_are_torchvisions():
    image = torch.randint(90, 160, (3, 60, 80), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    bilinear, bicubic = fit_of(30, 30).image(image), fit_of(30, 30, "bicubic").image(image)
    for found, name in ((bilinear, "bilinear"), (bicubic, "bicubic")):
        given = image[None].float()
        plain = torch.nn.functional.interpolate(given, (30, 40), mode=name, antialias=True, align_corners=False)
        assert ((found - plain[0, :, :, 5:35]).abs() <= 1.5).all()  # of 255: eight bits in between
    assert not torch.equal(bilinear, bicubic)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_as_pillow_turns(orientation):
    pixels = np.arange(6, dtype=np.uint8).reshape(2, 3)
    exif = Image.Exif()
    exif[0x0112] = orientation
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG", exif=exif)
    expected = np.asarray(ImageOps.exif_transpose(Image.open(buffer)))
    assert turned(torch.from_numpy(pixels), orientation).tolist() == expected.tolist()


STORED = torch.tensor([[1, 0, 0], [0, 0, 0]], dtype=torch.uint8)  # an animal in the corner


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_mask_with_the_stored_size_is_turned_and_one_with_the_upright_size_is_not(orientation):
    upright = turned(STORED, orientation)
    assert torch.equal(upright_mask(STORED, (3, 2), orientation), upright)
    assert torch.equal(upright_mask(upright, (3, 2), orientation), upright)


@pytest.mark.parametrize(("orientation", "mask"), [(2, STORED), (3, STORED), (4, STORED), (6, STORED[:, :2])])
def test_a_mask_that_fits_either_way_is_refused_unless_it_is_the_same(orientation, mask):
    size = tuple(mask.shape)
    with pytest.raises(UnreadableError, match=f"may be turned or not: .* EXIF orientation is {orientation}.*; save"):
        upright_mask(mask, size, orientation)
    assert torch.equal(upright_mask(torch.ones_like(mask), size, orientation), torch.ones_like(mask))
    assert torch.equal(upright_mask(mask, size, 1), mask)


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_a_mask_of_another_size_is_refused(orientation):
    with pytest.raises(UnreadableError, match=r"^is 3x2 pixels, the image 5x4$"):
        upright_mask(STORED, (4, 5), orientation)


def test_a_stored_mask_of_a_photograph_that_is_not_turned_is_not_turned_either():
    with pytest.raises(UnreadableError, match="is 3x2 pixels, the image 2x3"):
        upright_mask(STORED, (3, 2), 1)


def test_a_picture_as_thin_as_a_hair_is_refused():
    thin = torch.zeros(1, 1, 1).expand(3, 16, 1_000_000)
    with pytest.raises(UnreadableError, match="1000000x16 pixels, too long and thin to resize to 224"):
        fit_of(224, 224).image(thin)


def test_boxes_beyond_the_picture_are_cut():
    everywhere = paint_boxes([Box("cat", "head", -1e6, -3, 1e6, 1e6)], (3, 5))
    assert everywhere.all()
