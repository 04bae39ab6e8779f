"""Decode image files with Pillow. Every file is hostile until checked, and gives the same pixels on every platform."""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO

from PIL import ExifTags, Image, UnidentifiedImageError
from PIL.TiffImagePlugin import IFDRational

from pipeline.data.colour import UnsupportedPixelsError, flat
from pipeline.data.kinds import kind_of

# What is tried; Pillow's other readers are for files that nobody trains on, and one of them starts another program.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "AVIF")
LARGEST_PIXELS = 1 << 27  # a file of a few kB may claim any size: 400 MB of colour are taken, no more
LARGEST_FILE = 1 << 28  # bytes
LARGEST_SIDE = 1 << 31  # px; what claims more is told no size
Image.MAX_IMAGE_PIXELS = None  # of Pillow's bounds one warns only, and the other one says less than ours

DAMAGED_EXIF = "damaged EXIF data"
DAMAGED_XMP = "damaged XMP data"

# What Pillow finds odd in a file is logged or warned of; the user is told the reason, once, with the file's name.
logging.getLogger("PIL").setLevel(logging.CRITICAL)

_CORRUPT = "Corrupt EXIF data"  # what Pillow then warns of
_TIFF = (b"II", b"MM")
# How files begin that are images, but that Pillow does not open: those of our formats are damaged, the others are not supported.
_DAMAGED = (b"\x89PNG", b"\xff\xd8\xff", b"GIF87a", b"GIF89a")
_UNSUPPORTED = {
    b"II*\0": "TIFF", b"MM\0*": "TIFF", b"II+\0": "TIFF", b"MM\0+": "TIFF", b"\0\0\0\x0cjP  ": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000", b"\0\0\0\x0cJXL ": "JPEG XL", b"\xff\x0a": "JPEG XL", b"8BPS": "Photoshop",
    b"v/1\x01": "OpenEXR", b"#?RADIANCE": "Radiance HDR",
}  # fmt: skip
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
_TURNED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


class UnusableError(Exception):
    """Say why an image is put into quarantine, in a few words that do not depend on the image: they are counted.

    `size`: width and height, where the file states them and a number of 32 bits holds them.
    """

    size: tuple[int, int] | None = None


class NotAnImageError(UnusableError):
    """Say that the content begins like no image of a known kind."""


@dataclass(frozen=True)
class Decoded:
    """Hold a picture of mode "L" or "RGB", and what is odd about its file without harm.

    `warnings` are in words that do not depend on the image.
    """

    picture: Image.Image
    warnings: tuple[str, ...] = ()


def decode(content: bytes, background: tuple[int, int, int]) -> Decoded:
    """Return the picture in a file's `content`, turned as its EXIF data says; of several frames, return the first.

    Its colours become those of sRGB, and `background` shows through transparent pixels.

    Raises:
        UnusableError: the content holds no picture that can be used.
    """
    if not content:
        raise UnusableError("empty file")
    if len(content) > LARGEST_FILE:
        raise UnusableError(f"file of more than {LARGEST_FILE >> 20} MiB")
    size = None
    try:
        with (
            _silent(libtiff=content.startswith(_TIFF)) as said,
            Image.open(BytesIO(content), formats=FORMATS) as image,
        ):
            size = image.size if max(image.size) < LARGEST_SIDE else None
            decoded = _decoded(image, content, background)
            if DAMAGED_EXIF not in decoded.warnings and any(_CORRUPT in str(warning.message) for warning in said):
                return Decoded(decoded.picture, (DAMAGED_EXIF, *decoded.warnings))
            return decoded
    except UnusableError as error:
        error.size = size
        raise
    except UnidentifiedImageError:
        raise _unidentified(content) from None
    except UnsupportedPixelsError as error:
        unusable = UnusableError(str(error))
    # What Pillow's readers raise at damaged content is of nearly every kind there is.
    except Exception as error:
        cut = "truncated" in str(error) or isinstance(error, EOFError)
        unusable = UnusableError("truncated" if cut else "damaged")
    unusable.size = size
    raise unusable


def _decoded(image: Image.Image, content: bytes, background: tuple[int, int, int]) -> Decoded:
    if image.width * image.height > LARGEST_PIXELS:
        raise UnusableError(f"more than {LARGEST_PIXELS >> 20} million pixels")
    odd = _damaged_xmp(image)
    image.load()
    orientation, exif_warnings = _orientation(image)
    method = _TURNED.get(orientation)
    picture, colour_warnings = flat(image, content, background)
    return Decoded(picture if method is None else picture.transpose(method), (*exif_warnings, *odd, *colour_warnings))


def _unidentified(content: bytes) -> UnusableError:
    """Return the error that says why Pillow does not open a file.

    It is a `NotAnImageError` unless the content is surely an image, though a damaged or unsupported one.
    """
    if content.startswith(_DAMAGED):
        return UnusableError("damaged")
    found = next((name for beginning, name in _UNSUPPORTED.items() if content.startswith(beginning)), None)
    if content[4:8] == b"ftyp" and content[8:12] in _HEIF_BRANDS:
        found = "HEIC"
    if found is not None:
        return UnusableError(f"{found} file of a kind that is not supported: convert it to PNG or JPEG")
    kind = kind_of(content)
    return NotAnImageError("no image of a known kind" + ("" if kind is None else f": {kind}"))


def _orientation(image: Image.Image) -> tuple[int, list[str]]:
    """Return how the EXIF data says that the picture is to be turned, 1 to 8, and a warning where the data is damaged.

    Pillow's own `exif_transpose` writes the EXIF data anew, and fails where it cannot.
    """
    odd, orientation = [], 1
    try:
        exif = image.getexif()
        orientation = exif.get(ExifTags.Base.Orientation, 1)
        values = [
            *exif.values(),
            *exif.get_ifd(ExifTags.IFD.Exif).values(),
            *exif.get_ifd(ExifTags.IFD.GPSInfo).values(),
        ]
        if any(_is_divided_by_nought(value) for value in values):
            odd.append(DAMAGED_EXIF)
    except Exception:  # of nearly every kind there is, as above
        odd.append(DAMAGED_EXIF)
    return (orientation if isinstance(orientation, int) else 1), odd


def _damaged_xmp(image: Image.Image) -> list[str]:
    """Return a warning if the XMP data is no text.

    Data that is not even bytes is removed from `image`, since Pillow would fail on it.
    """
    xmp = image.info.get("xmp", b"")
    if not isinstance(xmp, bytes):
        del image.info["xmp"]
        return [DAMAGED_XMP]
    try:
        xmp.decode("utf-8")
    except UnicodeDecodeError:
        return [DAMAGED_XMP]
    return []


def _is_divided_by_nought(value: object) -> bool:
    """Return whether a tag is x/0. The value 0/0 is EXIF's own way to say that a value is unknown."""
    if isinstance(value, tuple):
        return any(_is_divided_by_nought(each) for each in value)
    return isinstance(value, IFDRational) and value.denominator == 0 and value.numerator != 0


@contextmanager
def _silent(*, libtiff: bool) -> Iterator[list[warnings.WarningMessage]]:
    """Yield the list that collects Pillow's warnings, and keep the terminal clean of them.

    Use it in one thread at a time: libtiff alone writes to the file of standard error itself. With `libtiff`, that file
    is the null device meanwhile.
    """
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        if not libtiff:
            yield said
            return
        sys.stderr.flush()
        stderr, devnull = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(devnull, 2)
        try:
            yield said
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
            os.close(devnull)
