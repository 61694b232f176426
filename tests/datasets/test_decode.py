import io
import struct
import zlib

import numpy as np
import pytest
import torch
from PIL import Image

from datasets import decode
from datasets.decode import UnreadableError, read_image, read_mask


def close(tensor: torch.Tensor, image: Image.Image, tolerance: float = 1.0) -> bool:
    expected = np.asarray(image.convert("RGB"), dtype=int)
    found = tensor.permute(1, 2, 0).numpy().astype(int)
    return found.shape == expected.shape and np.abs(found - expected).mean() <= tolerance


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_lossless_formats_are_exact_whatever_the_name(tmp_path, picture, kind):
    picture().save(tmp_path / "x.jpg", kind)
    found = read_image(tmp_path / "x.jpg")
    assert found.dtype == torch.uint8
    assert close(found, picture(), 0)


@pytest.mark.parametrize("kind", ["JPEG", "WEBP"])
def test_lossy_formats_are_close(tmp_path, picture, kind):
    picture().save(tmp_path / "x", kind, quality=95)
    assert close(read_image(tmp_path / "x"), picture(), 3)


@pytest.mark.parametrize("mode", ["L", "1", "P", "LA", "RGBA", "I;16", "CMYK", "YCbCr"])
def test_modes_become_rgb(tmp_path, picture, mode):
    source = picture()
    if mode == "I;16":
        grey = np.asarray(source.convert("L"), dtype=np.uint16)
        image, expected = Image.fromarray(grey * 257), source.convert("L")
    else:
        image = expected = source.convert(mode)
    lossless = {"CMYK": "TIFF", "YCbCr": "TIFF"}.get(mode, "PNG")
    image.save(tmp_path / "x.jpg", lossless)
    assert close(read_image(tmp_path / "x.jpg"), expected, 2)


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_jpeg_modes_look_as_pillow_shows_them(tmp_path, picture, mode):
    picture().convert(mode).save(tmp_path / "x.jpg", quality=95)
    assert close(read_image(tmp_path / "x.jpg"), Image.open(tmp_path / "x.jpg"), 1)


def test_transparent_palette(tmp_path, picture):
    image = picture().convert("P")
    image.info["transparency"] = 3
    image.save(tmp_path / "x.png", transparency=3)
    assert close(read_image(tmp_path / "x.png"), picture().convert("P"), 1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_rotated_photographs_are_upright(tmp_path, picture, orientation, kind):
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    picture().save(tmp_path / "x.jpg", kind, exif=exif, quality=95)
    with Image.open(tmp_path / "x.jpg") as stored:
        upright = ImageOps.exif_transpose(stored)
    assert close(read_image(tmp_path / "x.jpg"), upright, 2)
    assert (upright.size == picture().size) == (orientation <= 4)


def test_first_frame_of_an_animation(tmp_path, picture):
    frames = [picture(), Image.new("RGB", picture().size)]
    frames[0].save(tmp_path / "x.gif", save_all=True, append_images=frames[1:])
    with Image.open(tmp_path / "x.gif") as first:
        assert close(read_image(tmp_path / "x.gif"), first, 1)


@pytest.mark.parametrize("name", ["gif_named_jpg.jpg", "png_rgba_named_jpg.jpg"])
def test_real_files_that_lie_about_themselves_are_read(shared, name):
    path = shared / "data" / "odd-files" / name
    with Image.open(path) as image:
        assert image.format in ("GIF", "PNG")
        assert close(read_image(path), image, 1)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"])
@pytest.mark.parametrize("share", [0.5, 0.9])
def test_truncated_files_are_refused(tmp_path, picture, kind, share):
    buffer = io.BytesIO()
    noise = np.random.default_rng(0).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(buffer, kind)
    (tmp_path / "x.jpg").write_bytes(buffer.getvalue()[: int(len(buffer.getvalue()) * share)])
    with pytest.raises(UnreadableError, match=r"truncated|no image"):
        read_image(tmp_path / "x.jpg")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"", "empty file"), (b"hello", "no image that can be read"), (b"\xff\xd8\xff\xe0", "no image|truncated")],
)
def test_files_that_are_no_images(tmp_path, content, reason):
    (tmp_path / "x.jpg").write_bytes(content)
    with pytest.raises(UnreadableError, match=reason):
        read_image(tmp_path / "x.jpg")


def png_claiming(width: int, height: int) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("side", [14_000, 30_000])
def test_decompression_bombs_are_not_decoded(tmp_path, side, monkeypatch):
    monkeypatch.setattr(decode, "decode_image", lambda *_, **__: pytest.fail("decoded"))
    (tmp_path / "x.png").write_bytes(png_claiming(side, side))
    with pytest.raises(UnreadableError, match="decompression bomb"):
        read_image(tmp_path / "x.png")


@pytest.mark.parametrize(("width", "height", "read"), [(1, 1, False), (15, 200, False), (16, 16, True)])
def test_tiny_images_explain_nothing(tmp_path, picture, width, height, read):
    Image.new("RGB", (width, height)).save(tmp_path / "x.png")
    if read:
        assert read_image(tmp_path / "x.png").shape == (3, height, width)
    else:
        with pytest.raises(UnreadableError, match=f"{width}x{height} pixels, smaller than 16"):
            read_image(tmp_path / "x.png")


def test_missing_file(tmp_path):
    with pytest.raises(UnreadableError, match="cannot be opened: No such file"):
        read_image(tmp_path / "none.jpg")


def test_masks_translate_values_and_name_odd_ones(tmp_path):
    Image.fromarray(np.array([[1, 2], [3, 1]], dtype=np.uint8)).save(tmp_path / "m.png")
    assert read_mask(tmp_path / "m.png", {1: 1, 2: 0, 3: 255}).tolist() == [[1, 0], [255, 1]]
    with pytest.raises(UnreadableError, match=r"mask 'm.png' holds the value 3, expected 1, 2"):
        read_mask(tmp_path / "m.png", {1: 1, 2: 0})
    (tmp_path / "m.png").write_bytes(b"")
    with pytest.raises(UnreadableError, match=r"mask 'm.png' cannot be read"):
        read_mask(tmp_path / "m.png", {1: 1})


def test_no_memory_for_an_image_is_its_reason(tmp_path, picture, monkeypatch):
    def decode(*_, **__):
        raise MemoryError

    picture().save(tmp_path / "x.jpg")
    monkeypatch.setattr("datasets.decode.decode_image", decode)
    with pytest.raises(UnreadableError, match=r"^cannot be read: MemoryError$"):
        read_image(tmp_path / "x.jpg")
