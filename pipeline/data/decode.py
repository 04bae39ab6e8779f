"""Image files from anywhere as pixels: hostile until checked, and the same on every platform.

Pillow decodes. Colour profiles are not applied, and of 16 bits a channel the upper 8 are taken, as the field's loaders do.
"""

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from pipeline.data.kinds import kind_of

# What is tried; Pillow's other readers are for files that nobody trains on, and one of them starts another program.
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
LARGEST_PIXELS = 1 << 27  # a file of a few kB may claim any size: 400 MB of colour are taken, no more
LARGEST_FILE = 1 << 28  # bytes
Image.MAX_IMAGE_PIXELS = None  # of Pillow's bounds one warns only, and the other one says less than ours

# What Pillow finds odd in a file is logged or warned of; the user is told the reason, once, with the file's name.
logging.getLogger("PIL").setLevel(logging.CRITICAL)

_TIFF = (b"II", b"MM")
_WITH_ALPHA = ("PA", "LA", "RGBA", "La", "RGBa")
_OTHER_COLOURS = ("P", "RGBX", "CMYK", "YCbCr", "HSV")
_SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N", "I")


class UnusableError(Exception):
    """Why an image is put into quarantine, in a few words that do not depend on the image: they are counted."""


class NotAnImageError(UnusableError):
    """The content begins like no image of a known kind."""


def decode(content: bytes, background: tuple[int, int, int]) -> Image.Image:
    """The picture in a file's `content`, of mode "L" or "RGB", turned as its EXIF data says; the first of several frames.

    What is transparent shows `background`.
    """
    if not content:
        raise UnusableError("empty file")
    if len(content) > LARGEST_FILE:
        raise UnusableError(f"file of more than {LARGEST_FILE >> 20} MiB")
    try:
        with _silent(libtiff=content.startswith(_TIFF)), Image.open(BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > LARGEST_PIXELS:
                raise UnusableError(f"more than {LARGEST_PIXELS >> 20} million pixels")
            image.load()
            return _flat(ImageOps.exif_transpose(image), background)
    except UnusableError:
        raise
    except UnidentifiedImageError:
        kind = kind_of(content)
        raise NotAnImageError("no image of a known kind" + ("" if kind is None else f": {kind}")) from None
    # What Pillow's readers raise at damaged content is of nearly every kind there is.
    except Exception as error:
        cut = "truncated" in str(error) or isinstance(error, EOFError)
        raise UnusableError("truncated" if cut else "damaged") from None


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


def _flat(image: Image.Image, background: tuple[int, int, int]) -> Image.Image:
    """The same picture in mode "L" or "RGB"."""
    if "transparency" in image.info or image.mode in _WITH_ALPHA:
        under = Image.new("RGBA", image.size, (*background, 255))
        return Image.alpha_composite(under, image.convert("RGBA")).convert("RGB")
    if image.mode in ("L", "RGB"):
        return image
    if image.mode == "1":
        return image.convert("L")
    if image.mode in _OTHER_COLOURS:
        return image.convert("RGB")
    if image.mode in _SIXTEEN_BITS:
        values = np.asarray(image).astype(np.int64)
        if values.min() >= 0 and values.max() < 1 << 16:
            return Image.fromarray((values >> 8).astype(np.uint8))
    raise UnusableError(f"pixels of a kind that is not supported ({image.mode})")
