import torch
from hypothesis import given
from hypothesis import strategies as st

from datasets import Box
from datasets.geometry import fit_image, fit_mask, paint_boxes


def test_boxes_cover_pixels_whose_centre_they_hold():
    painted = paint_boxes([Box("cat", "head", 1, 0, 3, 2), Box("cat", "head", 3.6, 2, 9, 9)], (3, 5))
    assert painted.tolist() == [[0, 1, 1, 0, 0], [0, 1, 1, 0, 0], [0, 0, 0, 0, 1]]


@given(st.integers(30, 300), st.integers(30, 300), st.data())
def test_a_box_in_the_picture_and_its_mask_stay_together(width, height, data):
    xmin, ymin = data.draw(st.integers(0, width - 15)), data.draw(st.integers(0, height - 15))
    box = Box("dog", "animal", xmin, ymin, xmin + data.draw(st.integers(12, 60)), ymin + data.draw(st.integers(12, 60)))
    painted = paint_boxes([box], (height, width))
    image = fit_image((painted * 255).expand(3, -1, -1), 96, 64)
    mask = fit_mask(painted, 96, 64)
    assert image.shape == (3, 64, 64)
    assert mask.shape == (64, 64)
    assert set(mask.unique().tolist()) <= {0, 1}
    # Antialiasing blurs the edge of the image: where it is clearly inside or outside, the mask agrees.
    assert (mask[image[0] > 200] == 1).all()
    assert (mask[image[0] < 55] == 0).all()


def test_shorter_side_and_centre_crop():
    image = torch.zeros(3, 100, 200, dtype=torch.uint8)
    image[:, :, 75:125] = 200  # the middle quarter
    fitted = fit_image(image, 50, 40)
    assert fitted.shape == (3, 40, 40)
    assert (fitted[:, :, 9:31] == 200).all()
    assert (fitted[:, :, :5] == 0).all()
