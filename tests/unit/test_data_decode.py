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
from PIL.TiffImagePlugin import IFDRational

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
    return np.asarray(decode(content, background).picture)


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


TURNED = {
    1: RGB, 2: RGB[:, ::-1], 3: RGB[::-1, ::-1], 4: RGB[::-1], 5: RGB.transpose(1, 0, 2), 6: np.rot90(RGB, -1),
    7: RGB[::-1, ::-1].transpose(1, 0, 2), 8: np.rot90(RGB),
}  # fmt: skip


def exif_of(orientation: int, **tags) -> Image.Exif:
    exif = Image.Exif()
    exif[0x0112] = orientation
    exif.update(tags)
    return exif


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize(
    ("kind", "options"),
    [("PNG", {}), ("WEBP", {"lossless": True}), ("TIFF", {}), ("TIFF", {"compression": "tiff_lzw"})],
)
def test_exif_turns_the_picture_once(kind, options, orientation):
    """Pillow itself turns TIFF files, and no others."""
    content = stored(Image.fromarray(RGB), kind, exif=exif_of(orientation), **options)
    assert np.array_equal(pixels(content), TURNED[orientation])


@pytest.mark.parametrize("orientation", TURNED)
def test_exif_turns_photographs_once(orientation):
    upright = np.asarray(Image.fromarray(RGB).resize((64, 96), Image.Resampling.BICUBIC))
    back = {6: 8, 8: 6}.get(orientation, orientation)  # what undoes a turn
    method = decoding._TURNED.get(back)
    image = Image.fromarray(upright)
    lying = image if method is None else image.transpose(method)
    content = stored(lying, "JPEG", quality=98, subsampling=0, exif=exif_of(orientation))
    assert np.abs(pixels(content).astype(int) - upright).mean() < 4
    lying.info = {}
    xmp = f'<x:xmpmeta xmlns:x="adobe:ns:meta/" tiff:Orientation="{orientation}"/>'.encode()
    assert np.array_equal(pixels(stored(lying, "JPEG", quality=98, subsampling=0, xmp=xmp)), pixels(content))


def damaged_exif(orientation: int) -> bytes:
    """EXIF data with a resolution of 72/0, written by hand: Pillow writes none."""
    entries = struct.pack(">HHII", 0x0112, 3, 1, orientation << 16) + struct.pack(">HHII", 0x011A, 5, 1, 38)
    return b"Exif\0\0MM\0*" + struct.pack(">IH", 8, 2) + entries + struct.pack(">I", 0) + struct.pack(">II", 72, 0)


@pytest.mark.parametrize(
    ("options", "warning"),
    [
        ({"exif": damaged_exif(6)}, decoding.DAMAGED_EXIF),
        ({"exif": damaged_exif(6).replace(struct.pack(">I", 38), struct.pack(">I", 1 << 30))}, None),
        ({"exif": exif_of(6).tobytes(), "xmp": b"<x:xmpmeta>\xff\xfe</x:xmpmeta>"}, decoding.DAMAGED_XMP),
        ({"exif": exif_of(6).tobytes()}, None),
    ],
)
def test_damaged_metadata_is_a_warning_and_the_picture_upright(options, warning):
    found = decode(stored(Image.fromarray(RGB), "JPEG", quality=98, **options), WHITE)
    assert found.picture.size == (12, 9)
    assert found.warnings == (() if warning is None else (warning,))


@pytest.mark.parametrize("exif", [b"Exif\0\0", b"Exif\0\0XX*\0abc", b"Exif\0\0MM\0*\xff\xff\xff\xff"])
def test_metadata_that_cannot_be_read_loses_no_picture(exif):
    assert decode(stored(Image.fromarray(RGB), "JPEG", exif=exif), WHITE).picture.size == (9, 12)


def test_what_is_not_known_is_no_damage():
    exif = exif_of(1)
    exif.get_ifd(0x8769)[0xA432] = (IFDRational(50), IFDRational(50), IFDRational(0, 0), IFDRational(0, 0))
    assert decode(stored(Image.fromarray(RGB), "JPEG", exif=exif), WHITE).warnings == ()


def test_palette_is_looked_up():
    palette = Image.fromarray(RGB).quantize(16)
    assert np.array_equal(pixels(stored(palette, "GIF")), np.asarray(palette.convert("RGB")))


@pytest.mark.parametrize(("kind", "options"), [("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("TIFF", {})])
def test_the_first_of_several_frames_is_taken(kind, options):
    frames = [Image.fromarray(np.full((6, 6, 3), value, np.uint8)) for value in (10, 200)]
    content = stored(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert (pixels(content) == 10).all()


def test_the_first_picture_of_a_file_of_two_cameras_is_taken():
    frames = [Image.fromarray(np.full((16, 16, 3), value, np.uint8)) for value in (10, 200)]
    content = stored(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert (pixels(content) == 10).all()


def test_avif_is_read_and_turned():
    smooth = np.linspace(0, 255, 48 * 32 * 3).reshape(32, 48, 3).astype(np.uint8)
    content = stored(Image.fromarray(smooth), "AVIF", quality=100, subsampling="4:4:4", exif=exif_of(6))
    assert np.abs(pixels(content).astype(int) - np.rot90(smooth, -1)).max() <= 2


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
        (PNG[:20], "damaged"),
        (b"II*\0" + bytes(20), "TIFF file of a kind that is not supported: convert it to PNG or JPEG"),
        (b"\0\0\0\x18ftypheic" + bytes(20), "HEIC file of a kind that is not supported: convert it to PNG or JPEG"),
        (b"\0\0\0\x0cjP  " + bytes(20), "JPEG 2000 file of a kind that is not supported: convert it to PNG or JPEG"),
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
    stored(Image.fromarray(RGB), "AVIF"),
]


@given(
    content=st.sampled_from(FILES),
    changes=st.lists(st.tuples(st.integers(0, 1000), st.binary(min_size=1, max_size=4)), max_size=6),
    cut=st.integers(0, 1000),
)
@settings(deadline=None, max_examples=300)
def test_mutated_files_are_pictures_or_have_a_reason(content, changes, cut):
    damaged = bytearray(content)
    for at, new in changes:
        at %= len(damaged)
        damaged[at : at + len(new)] = new
    try:
        picture = decode(bytes(damaged[: max(0, len(damaged) - cut // 4)]), WHITE).picture
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
