import importlib.util
import io
import struct
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageOps
from torchvision.io import ImageReadMode
from torchvision.io import read_image as native

from datasets.decode import UnreadableError, read_image
from datasets.pixels import to_rgb

place = Path(__file__).resolve().parents[1] / "fuzz" / "damaged_images.py"
spec = importlib.util.spec_from_file_location("damaged_images", place)
images = importlib.util.module_from_spec(spec)
spec.loader.exec_module(images)


@pytest.fixture
def read(tmp_path):
    """Pixels (H, W, 3) of a file with the given bytes."""

    def reader(content: bytes) -> np.ndarray:
        (tmp_path / "x.jpg").write_bytes(content)
        return read_image(tmp_path / "x.jpg").permute(1, 2, 0).numpy()

    return reader


def eight_bits(channels: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (20, 24, channels), dtype=np.uint8)


def as_rgb(pixels: np.ndarray) -> np.ndarray:
    return np.repeat(pixels[:, :, :1], 3, axis=2) if pixels.shape[2] < 3 else pixels[:, :, :3]


@pytest.mark.parametrize("factor", [257, 256])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_of_png_that_were_eight_are_these_again(read, channels, factor):
    pixels = eight_bits(channels)
    assert np.array_equal(read(images.png(pixels.astype(np.uint16) * factor)), as_rgb(pixels))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bits_of_png_are_scaled(read, channels):
    pixels = np.random.default_rng(2).integers(0, 65536, (20, 24, channels), dtype=np.uint16)
    exact = as_rgb(pixels) * (255 / 65535)
    assert np.abs(read(images.png(pixels)) - exact).max() <= 1
    assert np.array_equal(read(images.png(pixels)), as_rgb(pixels) // 256)


def tiff(pixels: np.ndarray, photometric: int, order: str, bits: int | None = None) -> bytes:
    """A TIFF of one strip (H, W, C), its numbers in the byte order given."""
    height, width, channels = pixels.shape
    bits = bits or pixels.dtype.itemsize * 8
    if bits == 12:
        pairs = pixels.reshape(-1, 2).astype(int)
        whole = (pairs[:, 0] << 12) | pairs[:, 1]
        data = b"".join(int(value).to_bytes(3) for value in whole)
    else:
        data = pixels.astype(pixels.dtype.newbyteorder(order)).tobytes()
    entries = [(256, width), (257, height), (259, 1), (262, photometric), (277, channels), (278, height)]
    kind = 3 if pixels.dtype.kind == "f" else 1
    start = 8 + 2 + 12 * (len(entries) + 4) + 4
    rows = [struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0) for tag, value in entries]
    if channels == 1:
        rows += [struct.pack(f"{order}HHIHH", tag, 3, 1, value, 0) for tag, value in ((258, bits), (339, kind))]
        extra = b""
    else:
        rows += [struct.pack(f"{order}HHII", 258, 3, channels, start)]
        rows += [struct.pack(f"{order}HHIHH", 339, 3, 1, kind, 0)]
        extra = struct.pack(f"{order}{channels}H", *[bits] * channels)
    rows.append(struct.pack(f"{order}HHII", 273, 4, 1, start + len(extra)))
    rows.append(struct.pack(f"{order}HHII", 279, 4, 1, len(data)))
    rows.sort(key=lambda row: struct.unpack(f"{order}H", row[:2]))
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HIH", 42, 8, len(rows))
    return head + b"".join(rows) + bytes(4) + extra + data


@pytest.mark.parametrize("order", ["<", ">"])
def test_sixteen_bits_of_tiff(read, order):
    colour, grey = eight_bits(3), eight_bits(1)
    assert np.array_equal(read(tiff(colour.astype(np.uint16) * 257, 2, order)), colour)
    assert np.array_equal(read(tiff(grey.astype(np.uint16) * 257, 1, order)), as_rgb(grey))


def test_white_is_zero_in_tiff_of_sixteen_bits(read):
    grey = eight_bits(1)
    assert np.array_equal(read(tiff(grey.astype(np.uint16) * 257, 0, "<")), 255 - as_rgb(grey))


@pytest.mark.parametrize("height", [21, 2000])
def test_a_tiff_that_claims_more_rows_than_it_has_is_not_filled_with_black(read, height):
    content = tiff(eight_bits(3), 2, "<")
    honest, lie = (struct.pack("<HHIHH", 257, 3, 1, rows, 0) for rows in (20, height))
    assert content.count(honest) == 1
    with pytest.raises(UnreadableError, match="damaged or truncated TIFF"):
        read(content.replace(honest, lie))


def test_twelve_bits_of_tiff(read):
    grey = eight_bits(1)
    assert np.array_equal(read(tiff(grey.astype(np.uint16) * 16, 1, "<", bits=12)), as_rgb(grey))


@pytest.mark.parametrize("order", ["<", ">"])
def test_floats_of_zero_to_one_are_scaled(read, order):
    grey = eight_bits(1)
    assert np.array_equal(read(tiff((grey / 255).astype(np.float32), 1, order)), as_rgb(grey))
    assert np.array_equal(read(tiff((grey / 255).astype(np.float32), 0, order)), 255 - as_rgb(grey))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ((0, 255), "floats from 0 to 255, expected 0 to 1; save it with 8 or 16 bits"),
        ((-0.5, 1), "floats from -0.5 to 1, expected 0 to 1"),
        ((0, np.nan), "floats from 0 to 0, some not finite, expected 0 to 1"),
        ((np.inf, np.nan), "floats that are not finite, expected 0 to 1"),
    ],
)
def test_floats_of_another_scale_are_refused(read, values, reason):
    grey = np.resize(np.array(values, dtype=np.float32), (20, 24, 1))
    with pytest.raises(UnreadableError, match=reason):
        read(tiff(grey, 1, "<"))


@pytest.mark.parametrize("dtype", [np.uint32, np.int32])
def test_integers_of_unknown_scale_are_refused(read, dtype):
    grey = np.resize(np.array([0, 300], dtype=dtype), (20, 24, 1))
    with pytest.raises(UnreadableError, match="integers from 0 to 300 of unknown scale; save it with 8 or 16 bits"):
        read(tiff(grey, 1, "<"))


@pytest.mark.parametrize("top", [65535, 4095])
def test_pgm_of_more_than_eight_bits(read, top):
    grey = eight_bits(1)
    wide = (grey.astype(np.uint32) * top // 255).astype(">u2")
    found = read(b"P5 24 20 %d\n" % top + wide.tobytes()).astype(int)
    assert np.abs(found - as_rgb(grey)).max() <= 1


# Colours as they look: a mode is right if it gives the picture's own colours back.
RED, GREY = (200, 40, 60), (90, 90, 90)


@pytest.mark.parametrize(
    ("mode", "tolerance"),
    [("RGB", 0), ("RGBX", 0), ("RGBA", 0), ("P", 0), ("CMYK", 1), ("YCbCr", 2), ("HSV", 4), ("LAB", 4)],
)
def test_modes_of_colour(mode, tolerance):
    image = Image.new("RGB", (20, 20), RED)
    image = image.quantize(4) if mode == "P" else image.convert(mode)
    assert np.abs(to_rgb(image).astype(int) - RED).max() <= tolerance


@pytest.mark.parametrize("mode", ["L", "LA", "PA", "I;16", "I;16B", "I;16L", "I;16N"])
def test_modes_of_grey(mode):
    image = Image.new("L", (20, 20), GREY[0])
    if mode.startswith("I"):
        image = Image.new(mode, (20, 20), GREY[0] * 257)
    else:
        image = image.convert("P").convert("PA") if mode == "PA" else image.convert(mode)
    assert to_rgb(image).shape == (20, 20, 3)
    assert (to_rgb(image) == GREY[0]).all()


def test_bilevel_is_black_and_white():
    assert to_rgb(Image.new("1", (1, 1), 1)).tolist() == [[[255] * 3]]
    assert to_rgb(Image.new("1", (1, 1), 0)).tolist() == [[[0] * 3]]


def test_colours_multiplied_by_their_opacity_are_divided_by_it():
    assert to_rgb(Image.new("RGBa", (1, 1), (100, 20, 30, 128))).tolist() == [[[199, 39, 59]]]
    assert to_rgb(Image.new("La", (1, 1), (45, 128))).tolist() == [[[89] * 3]]


@pytest.mark.parametrize("opacity", [0, 7, 255])
def test_transparency_is_dropped_and_the_colour_below_counts(read, opacity):
    image = Image.new("RGBA", (20, 20), (*RED, opacity))
    assert (read(images.saved(image, "PNG")) == RED).all()


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
@pytest.mark.parametrize("transparency", [0, bytes([0, 100, 255])])
def test_transparent_entries_of_a_palette_keep_their_colour(read, kind, transparency):
    if kind == "GIF" and isinstance(transparency, bytes):
        transparency = 1
    image = Image.new("P", (20, 20), 0)
    image.putpalette([*RED, *GREY, 1, 2, 3])
    image.paste(1, (10, 0, 20, 20))
    found = read(images.saved(image, kind, transparency=transparency))
    assert (found[:, :10] == RED).all()
    assert (found[:, 10:] == GREY).all()


def test_jpeg_of_cmyk_is_not_inverted(read):
    found = read(images.saved(Image.new("RGB", (20, 20), RED).convert("CMYK"), "JPEG", quality=95))
    assert np.abs(found.astype(int) - RED).max() <= 4


def test_jpeg_is_decoded_as_torchvision_does(shared):
    paths = sorted((shared / "data" / "oxford-iiit-pet" / "images").glob("*.jpg"))[:6]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        for path in paths:
            expected = native(str(path), mode=ImageReadMode.RGB, apply_exif_orientation=True)
            assert torch.equal(read_image(path), expected)


def apng(pixels: np.ndarray) -> bytes:
    frames = [Image.fromarray(pixels), Image.fromarray(255 - pixels)]
    return images.saved(frames[0], "PNG", save_all=True, append_images=frames[1:])


def test_first_frame_of_an_apng(read):
    assert np.array_equal(read(apng(eight_bits(3))), eight_bits(3))


@pytest.mark.parametrize("make", [apng, lambda pixels: images.saved(Image.fromarray(pixels), "PNG")])
@pytest.mark.parametrize("offset", [10, 60, -6])
def test_flipped_bits_in_a_png_are_noticed(read, make, offset):
    content = bytearray(make(eight_bits(3)))
    start = content.index(b"IDAT") + 4
    length = int.from_bytes(content[start - 8 : start - 4])
    content[start + offset if offset > 0 else start + length - offset - 4] ^= 16  # in the pixels, or in the checksum
    with pytest.raises(UnreadableError, match="damaged or truncated PNG"):
        read(bytes(content))


def test_damage_in_a_later_frame_does_not_matter(read):
    content = bytearray(apng(eight_bits(3)))
    content[content.index(b"fdAT") + 100] ^= 16
    assert np.array_equal(read(bytes(content)), eight_bits(3))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_damaged_exif_data_do_not_cost_the_picture(read, kind):
    exif = b"Exif\0\0MM\0*\xff\xff\xff\xff"
    image = Image.new("RGB", (24, 20), RED)
    assert read(images.saved(image, kind, exif=exif)).shape == (20, 24, 3)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("mode", ["L", "I;16", "RGBA", "P"])
def test_every_mode_is_turned(read, mode, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    grey = Image.fromarray(eight_bits(1)[:, :, 0])
    stored = Image.fromarray(eight_bits(1)[:, :, 0].astype(np.uint16) * 257) if mode == "I;16" else grey.convert(mode)
    upright = ImageOps.exif_transpose(Image.open(io.BytesIO(images.saved(grey, "PNG", exif=exif)))).convert("RGB")
    assert np.array_equal(read(images.saved(stored, "PNG", exif=exif)), np.asarray(upright))


def test_a_header_that_claims_more_than_the_file_holds_takes_no_memory(read, monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda image: pytest.fail("decoded"))
    reason = "13000x13000 pixels cannot be in 12 bytes"
    with pytest.raises(UnreadableError, match=f"damaged or truncated PNG: {reason}"):
        read(images.png(np.zeros((1, 1, 3), dtype=np.uint8), size=(13_000, 13_000)))


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_the_emptiest_picture_is_read(read, channels, dtype):
    assert not read(images.png(np.zeros((2000, 2000, channels), dtype=dtype))).any()


@pytest.mark.parametrize(("width", "height"), [(32, 32), (40, 24), (17, 33)])
def test_a_tiff_of_tiles(read, width, height):
    pixels = np.random.default_rng(3).integers(0, 256, (height, width), dtype=np.uint8)
    padded = np.pad(pixels, ((0, -height % 16), (0, -width % 16)))
    tiles = [padded[y : y + 16, x : x + 16].tobytes() for y in range(0, height, 16) for x in range(0, width, 16)]
    start = 8 + 2 + 12 * 10 + 4
    places = [start + 8 * len(tiles) + 256 * number for number in range(len(tiles))]
    short = [(256, width), (257, height), (258, 8), (259, 1), (262, 1), (277, 1), (322, 16), (323, 16)]
    rows = [struct.pack("<HHIHH", tag, 3, 1, value, 0) for tag, value in short]
    rows += [struct.pack("<HHII", 324 + n, 4, len(tiles), start + 4 * len(tiles) * n) for n in (0, 1)]
    lists = struct.pack(f"<{2 * len(tiles)}I", *places, *[256] * len(tiles))
    content = b"II" + struct.pack("<HIH", 42, 8, 10) + b"".join(rows) + bytes(4) + lists + b"".join(tiles)
    assert np.array_equal(read(content)[:, :, 0], pixels)
