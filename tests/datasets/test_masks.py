import numpy as np
import pytest
from PIL import Image

from datasets.decode import UnreadableError, read_mask

PLAIN = {0: 0, 1: 1, 255: 255}
TRIMAP = {1: 1, 2: 0, 3: 255}


@pytest.fixture
def read(tmp_path):
    def reader(image: Image.Image, values=None, kind="PNG", **options):
        image.save(tmp_path / "m.png", kind, **options)
        return read_mask(tmp_path / "m.png", PLAIN if values is None else values).tolist()

    return reader


def grey(*rows, dtype=np.uint8) -> Image.Image:
    return Image.fromarray(np.array(rows, dtype=dtype))


def test_plain_values_are_taken_as_they_are(read):
    assert read(grey([0, 1, 255])) == [[0, 1, 255]]
    assert read(grey([1, 255])) == [[1, 255]]
    assert read(grey([0, 0])) == [[0, 0]]
    assert read(grey([255, 255])) == [[255, 255]]  # nothing is known, rather than animal everywhere


def test_black_and_white_is_background_and_animal(read):
    assert read(grey([0, 255, 255])) == [[0, 1, 1]]


def test_values_of_a_data_set_are_its_own(read):
    assert read(grey([1, 2, 3]), TRIMAP) == [[1, 0, 255]]
    assert read(grey([0, 255]), {0: 1, 255: 0}) == [[1, 0]]
    with pytest.raises(UnreadableError, match=r"mask 'm.png' holds the values 0, 255, expected 1, 2, 3$"):
        read(grey([0, 255]), TRIMAP)


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ([0, 128], "the value 128"),
        ([0, 7, 9, 255], "the values 7, 9"),
        (list(range(2, 10)), "the values 2, 3, 4, 5, 6 and 3 more"),
    ],
)
def test_other_values_are_refused_by_name(read, values, named):
    with pytest.raises(UnreadableError, match=rf"mask 'm.png' holds {named}, expected 0, 1, 255 \(or only 0 and 255\)"):
        read(grey(values))


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_one_bit(read, kind):
    assert read(grey([0, 255, 255]).convert("1"), kind=kind) == [[0, 1, 1]]


@pytest.mark.parametrize(
    ("values", "meaning"),
    [
        ([0, 1, 255], [0, 1, 255]),
        ([0, 65535], [0, 1]),  # black and white
        ([0, 257, 65535], [0, 1, 255]),  # eight bits, widened
        ([0, 255], [0, 1]),
    ],
)
def test_sixteen_bits(read, values, meaning):
    assert read(grey(values, dtype=np.uint16)) == [meaning]


def test_sixteen_bits_of_other_values_are_refused(read):
    with pytest.raises(UnreadableError, match="holds the value 300, expected"):
        read(grey([0, 300], dtype=np.uint16))
    with pytest.raises(UnreadableError, match="holds the value 256, expected"):
        read(grey([0, 1, 256], dtype=np.uint16))  # which is 0 in eight bits


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_wide_numbers(read, dtype):
    assert read(grey([0, 1, 255], dtype=dtype), kind="TIFF") == [[0, 1, 255]]
    assert read(grey([0, 255], dtype=dtype), kind="TIFF") == [[0, 1]]
    with pytest.raises(UnreadableError, match="holds the value -1, expected"):
        read(grey([0, -1], dtype=dtype), kind="TIFF")


def test_fractions_are_refused(read):
    with pytest.raises(UnreadableError, match=r"holds the values 0\.25, nan, expected"):
        read(grey([0, 0.25, np.nan], dtype=np.float32), kind="TIFF")


@pytest.mark.parametrize(("mode", "kind"), [("RGB", "PNG"), ("RGBA", "PNG"), ("LA", "PNG"), ("CMYK", "TIFF")])
def test_grey_in_colour_channels(read, mode, kind):
    assert read(grey([0, 255, 255]).convert(mode), kind=kind) == [[0, 1, 1]]
    assert read(grey([0, 1, 255]).convert(mode), kind=kind) == [[0, 1, 255]]


def test_colours_are_refused(read):
    red = Image.new("RGB", (2, 1), (255, 0, 0))
    with pytest.raises(
        UnreadableError, match=r"mask 'm\.png' is in colour, which has no certain meaning; save it as gr"
    ):
        read(red)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency_is_refused(read, mode):
    image = Image.new("L", (2, 1), 255).convert(mode)
    image.putpixel((0, 0), (255, 0) if mode == "LA" else (255, 255, 255, 0))
    with pytest.raises(UnreadableError, match="has transparent pixels, whose meaning is not certain"):
        read(image)


def palette(indices, colours) -> Image.Image:
    image = Image.fromarray(np.array([indices], dtype=np.uint8)).convert("P")
    image.putpalette([value for colour in colours for value in colour])
    return image


BLACK, WHITE, RED, GREEN = (0, 0, 0), (255, 255, 255), (128, 0, 0), (0, 128, 0)


def test_indices_of_a_coloured_palette_count(read):
    assert read(palette([0, 1, 1], [BLACK, RED])) == [[0, 1, 1]]
    assert read(palette([1, 2, 3], [BLACK, RED, GREEN, WHITE]), TRIMAP) == [[1, 0, 255]]


def test_greys_of_a_palette_that_mean_the_same(read):
    assert read(palette([0, 1, 1], [BLACK, WHITE])) == [[0, 1, 1]]


def test_greys_of_a_palette_whose_indices_mean_nothing(read):
    assert read(palette([2, 3, 3], [RED, RED, BLACK, WHITE])) == [[0, 1, 1]]


def test_a_palette_that_contradicts_itself_is_refused(read):
    with pytest.raises(UnreadableError, match=r"mask 'm\.png' has a palette whose greys mean something else"):
        read(palette([0, 1, 1], [WHITE, BLACK]))


def test_a_mask_turned_by_its_own_exif_data(read):
    exif = Image.Exif()
    exif[0x0112] = 6
    assert read(grey([0, 1], [255, 255], [1, 1]), exif=exif) == [[1, 255, 0], [1, 255, 1]]


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89PNG\r\n\x1a\n"])
def test_masks_that_are_no_images(tmp_path, content):
    (tmp_path / "m.png").write_bytes(content)
    with pytest.raises(UnreadableError, match=r"^mask 'm.png' cannot be read: (empty file|no image that can be read)"):
        read_mask(tmp_path / "m.png", PLAIN)
