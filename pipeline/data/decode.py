"""Image files from anywhere as pixels: hostile until checked, and the same on every platform. Pillow decodes."""

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
Image.MAX_IMAGE_PIXELS = None  # of Pillow's bounds one warns only, and the other one says less than ours

DAMAGED_EXIF = "damaged EXIF data"
DAMAGED_XMP = "damaged XMP data"

# What Pillow finds odd in a file is logged or warned of; the user is told the reason, once, with the file's name.
logging.getLogger("PIL").setLevel(logging.CRITICAL)

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
    """Why an image is put into quarantine, in a few words that do not depend on the image: they are counted.

    `size`: width and height, as far as the file says them.
    """

    size: tuple[int, int] | None = None


class NotAnImageError(UnusableError):
    """The content begins like no image of a known kind."""


@dataclass(frozen=True)
class Decoded:
    """A picture of mode "L" or "RGB", and what is odd about its file without harm, in words that do not depend on it."""

    picture: Image.Image
    warnings: tuple[str, ...] = ()


def decode(content: bytes, background: tuple[int, int, int]) -> Decoded:
    """Return the picture in a file's `content`, turned as its EXIF data says; the first of several frames.

    Its colours are those of sRGB; what is transparent shows `background`.

    Raises:
        UnusableError: there is no picture in it.
    """
    if not content:
        raise UnusableError("empty file")
    if len(content) > LARGEST_FILE:
        raise UnusableError(f"file of more than {LARGEST_FILE >> 20} MiB")
    size = None
    try:
        with _silent(libtiff=content.startswith(_TIFF)), Image.open(BytesIO(content), formats=FORMATS) as image:
            size = image.size
            return _decoded(image, content, background)
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
    image.load()
    orientation, odd = _orientation(image)
    method = _TURNED.get(orientation)
    picture, of_colour = flat(image, content, background)
    return Decoded(picture if method is None else picture.transpose(method), (*odd, *of_colour))


def _unidentified(content: bytes) -> UnusableError:
    """Return why Pillow does not open it. What is surely an image is told apart from what is none."""
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
    """Return what the EXIF data says of how the picture is to be turned, 1 to 8, and what is damaged in its metadata.

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
    xmp = image.info.get("xmp")
    if isinstance(xmp, bytes):
        try:
            xmp.decode("utf-8")
        except UnicodeDecodeError:
            odd.append(DAMAGED_XMP)
    return (orientation if isinstance(orientation, int) else 1), odd


def _is_divided_by_nought(value: object) -> bool:
    """Tell whether a tag is x/0; 0/0 is EXIF's own way to say that something is not known."""
    if isinstance(value, tuple):
        return any(_is_divided_by_nought(each) for each in value)
    return isinstance(value, IFDRational) and value.denominator == 0 and value.numerator != 0


@contextmanager
def _silent(*, libtiff: bool) -> Iterator[None]:
    """Keep the terminal clean of what a damaged file makes Pillow say; for one thread at a time.

    libtiff alone writes to the file of standard error itself, which is elsewhere for that time.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if not libtiff:
            yield
            return
        sys.stderr.flush()
        kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            os.close(nowhere)
