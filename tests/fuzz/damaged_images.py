"""Images of every kind, whole and damaged, the same for the same seed."""

import io
import random
import struct
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

PNG = b"\x89PNG\r\n\x1a\n"
EXTREMES = (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", b"\0\1\0\0", b"\x80\0\0\0")


def chunk(name: bytes, content: bytes) -> bytes:
    """A chunk of a PNG."""
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(pixels: np.ndarray, extra: bytes = b"", size: tuple[int, int] | None = None) -> bytes:
    """A PNG of 8 or 16 bits and 1 to 4 channels (H, W, C); `size` is a width and height to claim instead."""
    height, width, channels = pixels.shape
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[channels]
    bits = pixels.dtype.itemsize * 8
    rows = pixels.astype(pixels.dtype.newbyteorder(">"))
    header = struct.pack(">IIBBBBB", *(size or (width, height)), bits, kind, 0, 0, 0)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    return PNG + chunk(b"IHDR", header) + extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def saved(image: Image.Image, kind: str, **options) -> bytes:
    """A file's bytes."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


TRIMAP = saved(Image.fromarray(np.arange(1, 4, dtype=np.uint8)[np.arange(1024).reshape(32, 32) % 3]), "PNG")


def whole() -> dict[str, bytes]:
    """Undamaged images of 32 x 32 pixels."""
    random_numbers = np.random.default_rng(0)
    noise = random_numbers.integers(0, 256, (32, 32, 3), dtype=np.uint8)
    noise[:16] = np.arange(32, dtype=np.uint8)[None, :, None] * 8
    rgb = Image.fromarray(noise)
    grey, palette, rgba = rgb.convert("L"), rgb.quantize(64), rgb.convert("RGBA")
    frames = {"save_all": True, "append_images": [rgb.rotate(90), rgb.rotate(180)]}
    wide = random_numbers.integers(0, 65536, (32, 32, 4), dtype=np.uint16)
    exif = Image.Exif()
    exif[0x0112] = 6
    found = {
        "png-rgb": saved(rgb, "PNG"),
        "png-exif": saved(rgb, "PNG", exif=exif),
        "png-grey": saved(grey, "PNG"),
        "png-alpha": saved(rgba, "PNG"),
        "png-bilevel": saved(grey.convert("1"), "PNG"),
        "png-palette": saved(palette, "PNG", transparency=3),
        "png-text": png(noise, chunk(b"zTXt", b"note\0\0" + zlib.compress(b"x" * 1000))),
        "apng": saved(rgb, "PNG", **frames),
        "apng-palette": saved(palette, "PNG", save_all=True, append_images=[palette.rotate(90)]),
        "jpeg-rgb": saved(rgb, "JPEG"),
        "jpeg-exif": saved(rgb, "JPEG", exif=exif),
        "jpeg-grey": saved(grey, "JPEG"),
        "jpeg-cmyk": saved(rgb.convert("CMYK"), "JPEG"),
        "jpeg-progressive": saved(rgb, "JPEG", progressive=True),
        "mpo": saved(rgb, "MPO", **frames),
        "gif": saved(palette, "GIF"),
        "gif-moving": saved(palette, "GIF", save_all=True, append_images=[palette.rotate(90)]),
        "webp": saved(rgb, "WEBP"),
        "webp-lossless": saved(rgba, "WEBP", lossless=True),
        "webp-moving": saved(rgb, "WEBP", **frames),
        "tiff-float": saved(Image.fromarray(random_numbers.random((32, 32), dtype=np.float32)), "TIFF"),
        "tiff-integer": saved(Image.fromarray(wide[:, :, 0].astype(np.int32)), "TIFF"),
        "tiff-16": saved(Image.fromarray(wide[:, :, 0]), "TIFF"),
        "tiff-cmyk": saved(rgb.convert("CMYK"), "TIFF"),
        "tiff-lab": saved(rgb.convert("LAB"), "TIFF"),
        "ppm-16": b"P5 32 32 65535\n" + wide[:, :, 0].astype(">u2").tobytes(),
        "ppm-text": b"P2 32 32 255\n" + b" ".join(b"%d" % value for value in noise[:, :, 0].ravel()),
        "pfm": b"Pf\n32 32\n-1.0\n" + random_numbers.random((32, 32), dtype=np.float32).tobytes(),
        "ico": saved(rgb, "ICO", sizes=[(16, 16), (32, 32)]),
        "icns": saved(rgba, "ICNS"),
        "blp": saved(palette, "BLP"),
        "eps": saved(rgb, "EPS"),
        "xbm": saved(grey.convert("1"), "XBM"),
        "msp": saved(grey.convert("1"), "MSP"),
    }
    found |= {f"png-16-{n}": png(wide[:, :, :n]) for n in (1, 2, 3, 4)}
    found |= {f"tiff-{how}": saved(rgb, "TIFF", compression=how) for how in ("raw", "tiff_lzw", "tiff_adobe_deflate")}
    found |= {f"tiff-{how}": saved(rgb, "TIFF", compression=how) for how in ("packbits", "jpeg")}
    for kind in ("BMP", "DIB", "PPM", "TGA", "PCX", "SGI", "DDS", "JPEG2000", "AVIF", "QOI", "SPIDER"):
        if kind in Image.SAVE:
            found[kind.lower()] = saved(grey.convert("F") if kind == "SPIDER" else rgb, kind)
    return found


def bombs() -> dict[str, bytes]:
    """Small files that claim to be huge, and other beginnings that promise too much."""
    row = np.zeros((1, 1, 3), dtype=np.uint8)
    huge = png(row, size=(30_000, 30_000))
    return {
        "bomb-png": huge,
        "bomb-png-4096-gigabytes": png(row, size=(2**31 - 1, 2**31 - 1)),
        "bomb-png-too-thin": png(np.zeros((500_000, 16, 1), dtype=np.uint8)),
        "bomb-png-lies": png(row, size=(13_000, 13_000)),
        "bomb-png-text": png(row, chunk(b"zTXt", b"note\0\0" + zlib.compress(b"x" * 8_000_000, 9))),
        "bomb-gif": b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + b",\0\0\0\0\xff\xff\xff\xff\0\2",
        "bomb-bmp": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0),
        "bomb-ppm": b"P6 60000 60000 255\n",
        "bomb-ppm-digits": b"P6 " + b"9" * 5000 + b" 1 255\n",
        "bomb-ico": struct.pack("<HHHBBBBHHII", 0, 1, 1, 32, 32, 0, 0, 1, 32, len(huge), 22) + huge,
        "bomb-webp": b"RIFF\x1e\0\0\0WEBPVP8X\x0a\0\0\0\x10\0\0\0\xff\x3f\0\xff\x3f\0",
        "empty": b"",
        "one-byte": b"\x89",
        "text": b"hello",
        "page": b"<!DOCTYPE html><title>404</title>",
        "zeros": bytes(1000),
    }


def repaired(content: bytes) -> bytes:
    """A PNG whose checksums are right again, so that its damage gets as far as the decoder."""
    parts, place = [content[:8]], 8
    while place + 8 <= len(content):
        length = int.from_bytes(content[place : place + 4])
        body = content[place + 8 : place + 8 + length]
        parts.append(chunk(content[place + 4 : place + 8], body))
        place += 12 + length
    return b"".join(parts)


def hurt(content: bytes, numbers: random.Random) -> bytes:
    """A file with one kind of damage."""
    damaged = bytearray(content)
    kind = numbers.choice(("flips", "flips", "bytes", "run", "cut", "gap", "insert", "extreme", "extreme", "repaired"))
    place = numbers.randrange(len(damaged))
    if kind in ("flips", "repaired"):
        for _ in range(numbers.choice((1, 3, 30))):
            damaged[numbers.randrange(8, len(damaged))] ^= 1 << numbers.randrange(8)
    elif kind == "bytes":
        for _ in range(numbers.choice((1, 5, 50))):
            damaged[numbers.randrange(len(damaged))] = numbers.randrange(256)
    elif kind == "run":
        damaged[place : place + 40] = bytes(40)
    elif kind == "cut":
        del damaged[place:]
    elif kind == "gap":
        del damaged[place : place + numbers.randrange(1, 60)]
    elif kind == "insert":
        damaged[place:place] = numbers.randbytes(numbers.randrange(1, 60))
    else:  # in the header, where sizes and counts are
        start = numbers.randrange(min(120, len(damaged)))
        damaged[start : start + 4] = numbers.choice(EXTREMES)
    return repaired(bytes(damaged)) if kind == "repaired" and content.startswith(PNG) else bytes(damaged)


def damaged(count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """`count` damaged images with a name each; every other one is a PNG or APNG."""
    sources = whole()
    numbers = random.Random(seed)
    pngs = [name for name in sources if "png" in name]
    for number in range(count):
        name = numbers.choice(pngs if number % 2 else list(sources))
        yield f"{number}-{name}", hurt(sources[name], numbers)
