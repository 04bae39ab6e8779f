"""Colours are those of sRGB whatever profile a file brings; a file that is in sRGB already keeps its pixels."""

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from pipeline.data.decode import decode
from pipeline.data.profiles import DAMAGED_PROFILE, OTHER_PROFILE

WHITE = (255, 255, 255)
RGB = np.random.default_rng(0).integers(0, 256, (12, 9, 3), np.uint8)
GREY = np.arange(256, dtype=np.uint8).reshape(16, 16)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

# Adobe RGB (1998): its primaries in XYZ under D50, and its exponent.
ADOBE = np.array([[0.60974, 0.20528, 0.14919], [0.31111, 0.62567, 0.06322], [0.01947, 0.06087, 0.74457]])
TO_LINEAR_SRGB = np.array([[3.13386, -1.61687, -0.49062], [-0.97877, 1.91614, 0.03345], [0.07194, -0.22899, 1.40524]])
EXPONENT = 563 / 256
D50 = (0.9642, 1.0, 0.8249)


def xyz(*values: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *[round(value * 65536) for value in values])


GAMMA = b"curv\0\0\0\0" + struct.pack(">IHH", 1, round(EXPONENT * 256), 0)


def icc(space: bytes, kind: bytes, pcs: bytes, **tags: bytes) -> bytes:
    """A profile of version 2, as ICC.1:2001-04 lays it out."""
    tags = {"desc": b"desc\0\0\0\0" + struct.pack(">I", 2) + b"x\0" + bytes(78), "wtpt": xyz(*D50), **tags}
    tags = {name: content + bytes(-len(content) % 4) for name, content in tags.items()}
    table, at = struct.pack(">I", len(tags)), 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        table += name.encode() + struct.pack(">II", at, len(content))
        at += len(content)
    header = struct.pack(">I4sI4s4s4s12x4s", at, b"none", 0x02400000, kind, space, pcs, b"acsp")
    return (
        header
        + bytes(28)
        + struct.pack(">3i", *[round(each * 65536) for each in D50])
        + bytes(48)
        + table
        + b"".join(tags.values())
    )


ADOBE_RGB = icc(
    b"RGB ", b"mntr", b"XYZ ", **{f"{name}XYZ": xyz(*ADOBE[:, place]) for place, name in enumerate("rgb")},
    **{f"{name}TRC": GAMMA for name in "rgb"},
)  # fmt: skip
GREY_GAMMA = icc(b"GRAY", b"mntr", b"XYZ ", kTRC=b"curv\0\0\0\0" + struct.pack(">IHH", 1, 256, 0))  # linear light


def inks() -> bytes:
    """A press whose every ink, cyan too, is grey: in its table the lightness falls with the inks, to nothing with all."""
    line = struct.pack(">256B", *range(256))
    corners = [bytes([255 - round(255 * bin(corner).count("1") / 4), 128, 128]) for corner in range(16)]
    unit = struct.pack(">9i", *[65536, 0, 0, 0, 65536, 0, 0, 0, 65536])
    table = b"mft1\0\0\0\0" + struct.pack(">4B", 4, 3, 2, 0) + unit + line * 4 + b"".join(corners) + line * 3
    return icc(b"CMYK", b"prtr", b"Lab ", A2B0=table)


def srgb_of(linear: np.ndarray) -> np.ndarray:
    linear = np.clip(linear, 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


def adobe_as_srgb(pixels: np.ndarray) -> np.ndarray:
    return srgb_of((pixels / 255) ** EXPONENT @ ADOBE.T @ TO_LINEAR_SRGB.T)


def stored(picture: Image.Image, kind: str, **options) -> bytes:
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def pixels(picture: Image.Image, kind: str = "PNG", **options) -> np.ndarray:
    decoded = decode(stored(picture, kind, **options), WHITE)
    assert decoded.warnings == ()
    return np.asarray(decoded.picture)


@pytest.mark.parametrize(("kind", "options"), [("PNG", {}), ("TIFF", {}), ("WEBP", {"lossless": True})])
def test_colours_become_those_of_srgb(kind, options):
    found = pixels(Image.fromarray(RGB), kind, icc_profile=ADOBE_RGB, **options)
    assert np.abs(found - adobe_as_srgb(RGB)).max() <= 2
    assert np.abs(found.astype(int) - RGB).max() > 20  # there was something to do


def test_transparency_is_kept_and_the_background_is_in_srgb():
    alpha = np.repeat(np.array([0, 255, 255], np.uint8), 3)[None].repeat(12, axis=0)
    found = np.asarray(
        decode(stored(Image.fromarray(np.dstack([RGB, alpha])), "PNG", icc_profile=ADOBE_RGB), (10, 200, 30)).picture
    )
    assert (found[:, :3] == (10, 200, 30)).all()
    assert np.abs(found[:, 3:] - adobe_as_srgb(RGB[:, 3:])).max() <= 2


@pytest.mark.parametrize("profile", [SRGB, None])
def test_srgb_changes_nothing(profile):
    assert np.array_equal(pixels(Image.fromarray(RGB), icc_profile=profile), RGB)
    assert np.array_equal(pixels(Image.fromarray(GREY), icc_profile=profile), GREY)
    photograph = Image.fromarray(RGB)
    assert np.array_equal(pixels(photograph, "JPEG", icc_profile=profile), pixels(photograph, "JPEG"))


def test_grey_stays_grey_and_gets_the_lightness_of_its_profile():
    found = pixels(Image.fromarray(GREY), icc_profile=GREY_GAMMA)
    assert found.shape == (16, 16)
    assert np.abs(found - srgb_of(GREY / 255)).max() <= 2
    coloured = pixels(Image.fromarray(GREY), icc_profile=ADOBE_RGB)
    assert coloured.shape == (16, 16)
    assert np.abs(coloured - srgb_of((GREY / 255) ** EXPONENT)).max() <= 2
    deep = pixels(Image.fromarray(GREY.astype(np.uint16) * 257), icc_profile=GREY_GAMMA)
    assert np.array_equal(deep, found)


def test_inks_are_those_of_the_press():
    cyan = Image.new("CMYK", (8, 8), (255, 0, 0, 0))
    for kind, options in (("TIFF", {}), ("JPEG", {"quality": 100})):
        found = pixels(cyan, kind, icc_profile=inks(), **options)
        # Lightness 75 in Lab, and no colour: 0.4828 in light.
        assert np.abs(found - srgb_of(np.array(((75 + 16) / 116) ** 3))).max() <= 3


@pytest.mark.parametrize(
    ("picture", "profile", "warning"),
    [
        (RGB, b"no profile at all", DAMAGED_PROFILE),
        (RGB, ADOBE_RGB[:300], DAMAGED_PROFILE),
        (RGB, ADOBE_RGB.replace(b"rXYZ", b"xXYZ"), DAMAGED_PROFILE),
        (RGB, GREY_GAMMA, OTHER_PROFILE),
        (RGB, inks(), OTHER_PROFILE),
        (GREY, inks(), OTHER_PROFILE),
    ],
)
def test_a_profile_of_no_use_is_a_warning_and_no_change(picture, profile, warning):
    decoded = decode(stored(Image.fromarray(picture), "PNG", icc_profile=profile), WHITE)
    assert decoded.warnings == (warning,)
    assert np.array_equal(np.asarray(decoded.picture), picture)
