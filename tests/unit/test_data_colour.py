"""Pixels of every mode and depth come out in true colours, by rules that do not look at what is in the picture."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageChops
from PIL.TiffImagePlugin import ImageFileDirectory_v2

from pipeline.data.colour import OTHER_MAXIMUM
from pipeline.data.decode import UnusableError, decode

WHITE, BLUE = (255, 255, 255), (10, 20, 200)
RNG = np.random.default_rng(0)
RGB = RNG.integers(0, 256, (12, 9, 3), np.uint8)
GREY = RGB[..., 0]
RAMP = np.linspace(0, 65535, 64 * 64).astype(np.uint16).reshape(64, 64)
UPPER = (RAMP >> 8).astype(np.uint8)


def stored(picture: Image.Image, kind: str, **options) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def pixels(content: bytes, background=WHITE) -> np.ndarray:
    decoded = decode(content, background)
    assert decoded.warnings == ()
    return np.asarray(decoded.picture)


def png(rows: list[bytes], width: int, depth: int, kind: int, **chunks: bytes) -> bytes:
    """A PNG file with any chunks before its pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", width, len(rows), depth, kind, 0, 0, 0))]
    parts += [chunk(name.encode(), content) for name, content in chunks.items()]
    parts += [chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(values: np.ndarray, order: str, bits: int, **tags: int) -> bytes:
    """A TIFF file of grey pixels, written by hand: Pillow writes neither 12 bits nor both byte orders."""
    data = values.tobytes()
    height, width = values.shape
    entries = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: len(data)}
    entries |= {int(tag[1:]): value for tag, value in tags.items()}
    ifd = struct.pack(f"{order}H", len(entries))
    for tag, value in sorted(entries.items()):
        ifd += struct.pack(f"{order}HHI", tag, 4, 1) + struct.pack(f"{order}I", value)
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8 + len(data))
    return start + data + ifd + struct.pack(f"{order}I", 0)


# Depth ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content",
    [
        stored(Image.fromarray(RAMP), "PNG"),
        stored(Image.fromarray(RAMP), "TIFF"),
        stored(Image.fromarray(RAMP), "TIFF", compression="tiff_lzw"),
        stored(Image.fromarray(RAMP.astype(">u2")), "TIFF"),
        stored(Image.fromarray(RAMP.astype(">u2")), "TIFF", compression="tiff_deflate"),
        stored(Image.fromarray(RAMP.astype(np.int32)), "TIFF"),
        b"P5 64 64 65535\n" + RAMP.astype(">u2").tobytes(),
        tiff(RAMP.astype("<u2"), "<", 16),
        tiff(RAMP.astype(">u2"), ">", 16),
        tiff(RAMP.astype("<u4"), "<", 32),
        tiff(65535 - RAMP, "<", 16, t262=0),
        tiff((RAMP / np.float32(65536)).astype("<f4"), "<", 32, t339=3),
        tiff((RAMP / np.float32(65536)).astype(">f4"), ">", 32, t339=3),
    ],
)  # fmt: skip
def test_of_sixteen_bits_the_upper_eight_are_taken(content):
    """A ramp of all greys keeps its 256 levels, each as often as the others."""
    found = pixels(content)
    assert np.array_equal(found, UPPER)
    assert len(np.unique(found)) == 256


@pytest.mark.parametrize("factor", [1, 256])
def test_the_rule_does_not_look_at_the_picture(factor):
    """A dark picture stays dark."""
    dark = (UPPER.astype(np.uint16) * factor) // 16
    assert np.array_equal(pixels(stored(Image.fromarray(dark), "PNG")), (dark >> 8).astype(np.uint8))


TWELVE = (RAMP >> 4).astype(np.uint16)


def packed(values: np.ndarray) -> np.ndarray:
    """Two samples of 12 bits in three bytes."""
    first, second = values.reshape(-1, 2).astype(np.uint32).T
    three = np.stack([first >> 4, (first & 15) << 4 | second >> 8, second & 255], axis=1)
    return three.astype(np.uint8).reshape(len(values), -1)


def packed_tiff() -> bytes:
    file = tiff(packed(TWELVE), "<", 12, t256=64)
    assert Image.open(BytesIO(file)).size == (64, 64)
    return file


@pytest.mark.parametrize(
    "content",
    [
        packed_tiff(),
        tiff(TWELVE.astype("<u2"), "<", 16, t281=4095),
        tiff(TWELVE.astype(">u2"), ">", 16, t281=4095),
        b"P5 64 64 4095\n" + TWELVE.astype(">u2").tobytes(),
    ],
)
def test_twelve_bits_become_all_256_greys(content):
    found = pixels(content)
    assert np.abs(found.astype(int) - UPPER).max() <= 1
    assert (found.min(), found.max(), len(np.unique(found))) == (0, 255, 256)


def test_the_largest_sample_that_occurs_is_no_depth():
    dark = (RAMP >> 5).astype("<u2")
    assert np.array_equal(pixels(tiff(dark, "<", 16, t281=int(dark.max()) - 1)), dark >> 8)


def test_a_largest_sample_that_is_wrong_is_a_warning():
    decoded = decode(tiff(RAMP.astype("<u2"), "<", 16, t281=4095), WHITE)
    assert decoded.warnings == (OTHER_MAXIMUM,)
    assert np.array_equal(np.asarray(decoded.picture), UPPER)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (tiff((RAMP * 1.0).astype("<f4"), "<", 32, t339=3), "float pixels outside 0 to 1"),
        (tiff(np.full((8, 8), np.nan, "<f4"), "<", 32, t339=3), "float pixels outside 0 to 1"),
        (tiff(RAMP.astype("<u4") * 65536, "<", 32, t339=2), "whole-number pixels outside 0 to 65535"),
        (tiff((RAMP.astype(np.int32) - 9).astype("<i2"), "<", 16, t339=2), "whole-number pixels outside 0 to 65535"),
    ],
)
def test_pixels_without_a_scale_are_refused(content, reason):
    with pytest.raises(UnusableError, match=f"^{reason}$") as raised:
        decode(content, WHITE)
    assert raised.value.size is not None


def test_sixteen_bits_a_colour():
    deep = RGB.astype(np.uint16) * 256 + RNG.integers(0, 256, RGB.shape, np.uint16)
    assert np.array_equal(pixels(png([row.astype(">u2").tobytes() for row in deep], 9, 16, 2)), RGB)


# Transparency --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("background", [WHITE, BLUE])
def test_background_shows_through_what_is_transparent(background):
    alpha = RNG.integers(0, 256, (12, 9), np.uint8)
    alpha[:, :3], alpha[:, 6:] = 0, 255
    share = alpha[..., None] / 255
    for kind, options in (("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True, "exact": True})):
        found = pixels(stored(Image.fromarray(np.dstack([RGB, alpha])), kind, **options), background)
        assert np.abs(found - (RGB * share + np.array(background) * (1 - share))).max() <= 1
        assert np.array_equal(found[:, 6:], RGB[:, 6:])
        assert (found[:, :3] == background).all()
    both = Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(alpha)])
    found = pixels(stored(both, "PNG"), background)
    assert found.ndim == (2 if background == WHITE else 3)  # on a grey background grey stays grey
    found = found.reshape(12, 9, -1)
    assert np.abs(found - (GREY[..., None] * share + np.array(background)[: found.shape[2]] * (1 - share))).max() <= 1


def test_hidden_colours_never_show_also_after_resizing():
    hidden = np.zeros((64, 64, 4), np.uint8)
    hidden[...] = (255, 0, 255, 0)
    hidden[24:40, 24:40] = (0, 128, 0, 255)
    small = decode(stored(Image.fromarray(hidden), "PNG"), WHITE).picture.resize((16, 16), Image.Resampling.LANCZOS)
    red, green, blue = np.asarray(small).astype(int).transpose(2, 0, 1)
    assert (red <= green).all()  # magenta anywhere would have more red than green
    assert np.array_equal(red, blue)


def test_transparent_colour_of_a_palette_shows_the_background():
    palette = Image.new("P", (4, 4), 3)
    palette.putpalette([0, 0, 0] * 256)
    assert (pixels(stored(palette, "PNG", transparency=3), BLUE) == BLUE).all()
    shades = Image.new("P", (4, 1))
    shades.putdata(range(4))
    shades.putpalette([200, 100, 0] * 4)
    found = pixels(stored(shades, "PNG", transparency=bytes([0, 85, 170, 255])), BLUE)[0]
    expected = [[a * c + (1 - a) * b for c, b in zip((200, 100, 0), BLUE, strict=True)] for a in (0, 1 / 3, 2 / 3, 1)]
    assert np.abs(found - np.array(expected)).max() <= 1


@pytest.mark.parametrize(
    ("content", "transparent"),
    [
        (png([bytes([0b00011011])], 4, 2, 0, tRNS=struct.pack(">H", 2)), [2]),
        (png([bytes([0x01, 0x23])], 4, 4, 0, tRNS=struct.pack(">H", 3)), [3]),
        (png([bytes([0b01010000])], 4, 1, 0, tRNS=struct.pack(">H", 1)), [1, 3]),
        (png([bytes([9, 8, 7, 6])], 4, 8, 0, tRNS=struct.pack(">H", 8)), [1]),
        (png([struct.pack(">4H", 800, 801, 802, 803)], 4, 16, 0, tRNS=struct.pack(">H", 801)), [1]),
        (png([bytes([1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4])], 4, 8, 2, tRNS=struct.pack(">3H", 3, 3, 3)), [2]),
        (png([struct.pack(">6H", 256, 256, 256, 513, 513, 513)], 2, 16, 2, tRNS=struct.pack(">3H", 513, 513, 513)), [1]),
    ],
)  # fmt: skip
def test_the_transparent_value_of_a_png_of_any_depth(content, transparent):
    found = pixels(content, BLUE)
    assert np.flatnonzero((found == BLUE).all(axis=2)[0]).tolist() == transparent


# Colour spaces -------------------------------------------------------------------------------------------------------

INKS = np.stack(np.meshgrid(*[np.array([0, 90, 255], np.uint8)] * 4, indexing="ij"), axis=-1).reshape(9, 9, 4)
INKS = np.kron(INKS, np.ones((8, 8, 1), np.uint8))
TRUE = (255 - INKS[..., :3].astype(int)) * (255 - INKS[..., 3:].astype(int)) / 255


def without_adobe(content: bytes) -> bytes:
    """The same JPEG file without Adobe's marker."""
    at = content.index(b"\xff\xee")
    return content[:at] + content[at + 2 + int.from_bytes(content[at + 2 : at + 4]) :]


def test_cmyk_with_and_without_the_marker_of_adobe_is_in_true_colours():
    cmyk = Image.merge("CMYK", [Image.fromarray(np.ascontiguousarray(INKS[..., ink])) for ink in range(4)])
    adobe = stored(cmyk, "JPEG", quality=100)
    assert Image.open(BytesIO(adobe)).info["adobe_transform"] in (0, 2)
    assert np.abs(pixels(adobe) - TRUE).max() <= 3
    # A file of inks as they are: Pillow writes the complement of what it is given.
    plain = without_adobe(stored(ImageChops.invert(cmyk), "JPEG", quality=100))
    assert "adobe" not in Image.open(BytesIO(plain)).info
    assert np.abs(pixels(plain) - TRUE).max() <= 3
    assert np.abs(pixels(stored(cmyk, "TIFF")) - TRUE).max() <= 1


def test_black_and_white_is_grey():
    bits = RNG.integers(0, 2, (12, 9)).astype(bool)
    for kind in ("PNG", "TIFF", "BMP", "PPM"):
        assert np.array_equal(pixels(stored(Image.fromarray(bits), kind)), bits * np.uint8(255))


def test_the_same_picture_in_all_modes_is_the_same():
    flat = Image.new("RGB", (16, 16), (200, 40, 40))
    flat.paste((40, 40, 200), (4, 4, 12, 12))
    expected = np.asarray(flat)
    opaque = flat.convert("RGBA")
    cut_out = opaque.copy()
    cut_out.paste((0, 255, 0, 0), (0, 0, 4, 16))  # bright green under full transparency
    with_hole = expected.copy()
    with_hole[:, :4] = 255
    assert np.array_equal(pixels(stored(flat, "PNG")), expected)
    assert np.array_equal(pixels(stored(opaque, "PNG")), expected)
    assert np.array_equal(pixels(stored(flat.quantize(4), "PNG")), expected)
    assert np.array_equal(pixels(stored(cut_out, "PNG")), with_hole)
    assert np.abs(pixels(stored(flat, "JPEG", quality=100, subsampling=0)).astype(int) - expected).max() <= 3


def test_tiff_directories_are_those_that_pillow_writes():
    """The files made here by hand are read as those are."""
    tags = ImageFileDirectory_v2()
    tags[281] = 4095
    content = stored(Image.fromarray(TWELVE), "TIFF", tiffinfo=tags)
    assert np.array_equal(pixels(content), pixels(tiff(TWELVE.astype("<u2"), "<", 16, t281=4095)))
