"""Image files of every kind come out as the same pixels that a plain reading gives; what is no picture has a reason."""

import os
import struct
import warnings
import zlib
from contextlib import suppress
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipeline.data import decode as decoding
from pipeline.data.decode import UnusableError, decode

WHITE = (255, 255, 255)
RGB = np.random.default_rng(0).integers(0, 256, (12, 9, 3), np.uint8)
GREY = RGB[..., 0]


def stored(picture: Image.Image, kind: str, **options) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def pixels(content: bytes, background=WHITE) -> np.ndarray:
    return np.asarray(decode(content, background))


@pytest.mark.parametrize(
    ("kind", "options"), [("PNG", {}), ("BMP", {}), ("TIFF", {}), ("PPM", {}), ("WEBP", {"lossless": True})]
)
def test_lossless_kinds_come_back_as_they_were(kind, options):
    assert np.array_equal(pixels(stored(Image.fromarray(RGB), kind, **options)), RGB)


@pytest.mark.parametrize("kind", ["PNG", "BMP", "TIFF", "PPM"])
def test_grey_stays_grey(kind):
    assert np.array_equal(pixels(stored(Image.fromarray(GREY), kind)), GREY)


def test_jpeg_is_what_pillow_reads():
    content = stored(Image.fromarray(RGB), "JPEG", quality=80)
    assert np.array_equal(pixels(content), np.asarray(Image.open(BytesIO(content))))


def test_exif_turns_the_picture():
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned a quarter clockwise
    assert np.array_equal(pixels(stored(Image.fromarray(RGB), "PNG", exif=exif)), np.rot90(RGB, -1))


def test_palette_is_looked_up():
    palette = Image.fromarray(RGB).quantize(16)
    assert np.array_equal(pixels(stored(palette, "GIF")), np.asarray(palette.convert("RGB")))


@pytest.mark.parametrize("background", [WHITE, (10, 20, 30)])
def test_background_shows_through_what_is_transparent(background):
    alpha = np.where(np.arange(9) < 4, 0, 255).astype(np.uint8)[None].repeat(12, axis=0)
    found = pixels(stored(Image.fromarray(np.dstack([RGB, alpha])), "PNG"), background)
    assert np.array_equal(found[:, 4:], RGB[:, 4:])
    assert (found[:, :4] == background).all()
    grey = pixels(stored(Image.merge("LA", [Image.fromarray(GREY), Image.fromarray(alpha)]), "PNG"), background)
    assert (grey[:, :4] == background).all()


def test_transparent_colour_of_a_palette_shows_the_background():
    palette = Image.new("P", (4, 4), 3)
    palette.putpalette([0, 0, 0] * 256)
    assert (pixels(stored(palette, "PNG", transparency=3), (1, 2, 3)) == (1, 2, 3)).all()


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_of_sixteen_bits_the_upper_eight_are_taken(kind):
    values = np.random.default_rng(1).integers(0, 1 << 16, (12, 9)).astype(np.uint16)
    assert np.array_equal(pixels(stored(Image.fromarray(values), kind)), (values >> 8).astype(np.uint8))


def test_cmyk_becomes_rgb():
    content = stored(Image.fromarray(RGB).convert("CMYK"), "TIFF")
    assert np.abs(pixels(content).astype(int) - RGB).max() <= 1


def test_black_and_white_is_grey():
    bits = np.random.default_rng(2).integers(0, 2, (12, 9)).astype(bool)
    assert np.array_equal(pixels(stored(Image.fromarray(bits), "PNG")), bits * np.uint8(255))


def test_the_first_of_several_frames_is_taken():
    frames = [Image.fromarray(np.full((6, 6), value, np.uint8)) for value in (10, 200)]
    content = stored(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert (pixels(content)[..., 0] == 10).all()


# What is no picture --------------------------------------------------------------------------------------------------

PNG = stored(Image.fromarray(RGB), "PNG")
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"/>'


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty file"),
        (b"hello", "no image of a known kind"),
        (b"<html>404", "no image of a known kind: an HTML page, .*"),
        (SVG, "no image of a known kind"),
        (PNG[: len(PNG) // 2], "truncated"),
        (stored(Image.new("RGB", (900, 900)), "JPEG")[:3000], "truncated"),
        (stored(Image.fromarray(GREY.astype(np.float32)), "TIFF"), r"pixels of a kind that is not supported \(F\)"),
    ],
)
def test_what_cannot_be_used_has_its_reason(content, reason):
    with pytest.raises(UnusableError, match=f"^{reason}$"):
        decode(content, WHITE)


@pytest.mark.parametrize("side", [12_000, 60_000])
def test_a_file_that_claims_to_be_huge_is_not_unpacked(side):
    header = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    bomb = PNG[:8] + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header)) + PNG[33:]
    with pytest.raises(UnusableError, match=r"^more than 128 million pixels$"):
        decode(bomb, WHITE)


def test_a_file_too_large_to_be_looked_at_is_left_out(monkeypatch):
    monkeypatch.setattr(decoding, "LARGEST_FILE", 100)
    with pytest.raises(UnusableError, match="file of more than"):
        decode(PNG, WHITE)


FILES = [
    PNG,
    stored(Image.fromarray(RGB).quantize(8), "GIF"),
    stored(Image.fromarray(RGB), "JPEG"),
    stored(Image.fromarray(RGB), "WEBP"),
    stored(Image.fromarray(RGB), "TIFF"),
    stored(Image.fromarray(RGB), "BMP"),
    stored(Image.fromarray(RGB), "PPM"),
]


@given(
    content=st.sampled_from(FILES),
    changes=st.lists(st.tuples(st.integers(0, 1000), st.binary(min_size=1, max_size=4)), max_size=6),
    cut=st.integers(0, 1000),
)
@settings(deadline=None, max_examples=1000)
def test_mutated_files_are_pictures_or_have_a_reason(content, changes, cut):
    damaged = bytearray(content)
    for at, new in changes:
        at %= len(damaged)
        damaged[at : at + len(new)] = new
    try:
        picture = decode(bytes(damaged[: max(0, len(damaged) - cut // 4)]), WHITE)
    except UnusableError:
        return
    assert picture.mode in ("L", "RGB")
    assert picture.width * picture.height <= decoding.LARGEST_PIXELS


EXIF = Image.Exif()
EXIF[0x0112], EXIF[0x010E] = 6, "a description"


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("PNG", {}),
        ("JPEG", {"exif": EXIF}),
        ("WEBP", {"exif": EXIF}),
        ("GIF", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
        ("TIFF", {"compression": "tiff_deflate"}),
        ("TIFF", {"compression": "jpeg"}),
    ],
)
def test_damaged_files_print_nothing(kind, options, capfd, caplog):
    """Libtiff writes to the terminal itself; Pillow warns and logs."""
    whole = stored(Image.fromarray(RGB), kind, **options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for place in range(0, len(whole), 5):
            for content in (whole[:place], whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :]):
                with suppress(UnusableError):
                    decode(content, WHITE)
    assert capfd.readouterr() == ("", "")
    assert not caplog.records


def test_what_is_printed_after_a_damaged_tiff_is_seen(capfd):
    with pytest.raises(UnusableError):
        decode(stored(Image.fromarray(RGB), "TIFF", compression="tiff_lzw")[:-30], WHITE)
    os.write(2, b"seen")
    assert capfd.readouterr().err == "seen"
