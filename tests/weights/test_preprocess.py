import json

import pytest

from weights import Preprocess, WeightsError


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"resize": 0}, "resize is 0, expected a number of pixels"),
        ({"resize": 224.0}, "resize is 224.0"),
        ({"crop": True}, "crop is True"),
        ({"resize": 200}, r"crop is 224, expected at most resize \(200\); give --resize 224 or more"),
        ({"crop": (224, 288)}, r"crop is 224x288, expected at most resize \(224\); give --resize 288 or more"),
        ({"crop": (0, 10)}, "crop is 0, expected a number of pixels"),
        ({"crop": (10, 10, 10)}, r"crop is \(10, 10, 10\), expected one side, or height and width such as 224x288"),
        ({"crop": "wide"}, "crop is 'wide', expected a number of pixels"),
        ({"interpolation": "nearest"}, "interpolation is 'nearest', expected bilinear or bicubic"),
        ({"interpolation": 3}, "interpolation is 3, expected bilinear or bicubic"),
        ({"mean": (0.5, 0.5)}, r"mean is \(0.5, 0.5\), expected three finite numbers, one per channel \(or one"),
        ({"mean": (0.5,)}, r"mean is \(0.5,\), std is \(0.229, .*; expected as many numbers in both: say both"),
        ({"mean": (0.5,), "std": (-1.0,)}, r"std is \(-1.0,\), expected a number above 0"),
        ({"mean": (0.5, 0.5, float("nan"))}, "mean is .*nan.*, expected three finite numbers"),
        ({"mean": 0.5}, "mean is 0.5"),
        ({"std": (0.1, 0.2, "x")}, "std is .*'x'.*, expected three finite numbers"),
        ({"std": (0.1, 0.2, 0.0)}, "std is .*, expected three numbers above 0"),
    ],
)
def test_refuses_what_cannot_be(settings, message):
    with pytest.raises(WeightsError, match=message):
        Preprocess(**settings)


@pytest.mark.parametrize("crop", ["192x256", "192 \u00d7 256", (192, 256), [192, 256]])
def test_height_and_width_of_a_crop(crop):
    preprocess = Preprocess(256, crop)
    assert preprocess.crop == preprocess.size == (192, 256)


def test_equal_sides_are_a_square():
    assert Preprocess(96, (64, 64)) == Preprocess(96, "64x64") == Preprocess(96, 64)
    assert Preprocess(96, 64).size == (64, 64)


def test_the_colour_that_is_zero_after_normalisation():
    assert Preprocess(mean=(0.1, 0.2, 0.3)).colour == (0.1, 0.2, 0.3)
    assert Preprocess(mean=(0.25,), std=(0.5,)).colour == (0.25, 0.25, 0.25)


@pytest.mark.parametrize(
    "preprocess", [Preprocess(), Preprocess(288, (224, 288), (0.5,), (0.5,), "bicubic"), Preprocess(30, 20)], ids=str
)
def test_the_record_says_it_all(preprocess):
    record = json.loads(json.dumps(preprocess.record()))
    assert Preprocess(**{key: tuple(v) if isinstance(v, list) else v for key, v in record.items()}) == preprocess


def test_the_record_of_what_was_always_there_is_as_it_always_was():
    expected = {"resize": 224, "crop": 224, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    assert Preprocess().record() == expected
