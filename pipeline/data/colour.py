"""Convert the pixels of a decoded file, of any mode and depth, to 8-bit grey or sRGB on one background."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops
from PIL.TiffImagePlugin import TiffImageFile

from pipeline.data.profiles import to_srgb

OTHER_MAXIMUM = "pixels above the largest sample that the file states: ignored"

_OTHER_COLOURS = ("P", "RGBX", "YCbCr", "HSV")
_SIXTEEN_BITS = ("I;16", "I;16B", "I;16L", "I;16N")
_DEEP = (*_SIXTEEN_BITS, "I", "F")
_BITS_PER_SAMPLE, _PHOTOMETRIC, _MAX_SAMPLE = 258, 262, 281  # tags of TIFF
_WHITE_IS_ZERO = 0
_PNG_DEPTH = 24  # where a PNG says how many bits a sample has


class UnsupportedPixelsError(Exception):
    """Say why pixels cannot be used, in words that do not depend on the image."""


def flat(image: Image.Image, content: bytes, background: tuple[int, int, int]) -> tuple[Image.Image, list[str]]:
    """Return a loaded image in mode "L" or "RGB", and warnings about its colours that do not depend on the image.

    Transparency is composited here, before any resizing: colours under transparent pixels would bleed into their
    neighbours.

    Args:
        image: the image as Pillow opened it.
        content: the bytes of the file.
        background: the colour (red, green, blue) that shows through transparent pixels.
    """
    colours, alpha, odd = _without_alpha(image, content)
    if "icc_profile" in image.info:
        colours, warning = to_srgb(colours, image.info["icc_profile"])
        odd += [] if warning is None else [warning]
    if colours.mode == "CMYK":
        colours = colours.convert("RGB")
    if alpha is None:
        return colours, odd
    grey = colours.mode == "L" and len(set(background)) == 1
    under = Image.new("L", image.size, background[0]) if grey else Image.new("RGB", image.size, background)
    under.paste(colours.convert(under.mode), mask=alpha)  # in place: the largest images fill a good part of the memory
    return under, odd


def _without_alpha(image: Image.Image, content: bytes) -> tuple[Image.Image, Image.Image | None, list[str]]:
    """Return the colours in mode "L", "RGB" or "CMYK", the opacity (None: all opaque), and warnings."""
    mode, key = image.mode, image.info.get("transparency")
    if mode in ("LA", "La"):
        grey, alpha = image.convert("LA").split()
        return grey, alpha, []
    if mode in ("RGBA", "RGBa", "PA") or (mode == "P" and image.has_transparency_data):
        with_alpha = image if mode == "RGBA" else image.convert("RGBA")
        return with_alpha.convert("RGB"), with_alpha.getchannel("A"), []
    if mode in _DEEP:
        values = np.asarray(image)
        grey, odd = _upper_eight(image, values)
        opaque = Image.fromarray(np.where(values == key, 0, 255).astype(np.uint8)) if isinstance(key, int) else None
        return grey, opaque, odd
    if mode in ("1", "L"):
        image = image.convert("L")
        return image, _unless_grey(image, key, mode, content), []
    if mode == "RGB":
        return image, _unless_colour(image, key, content), []
    if mode == "CMYK":
        # Adobe's files hold the complement, which Pillow takes for granted in every JPEG.
        return (
            ImageChops.invert(image) if image.format in ("JPEG", "MPO") and "adobe" not in image.info else image,
            None,
            [],
        )
    if mode in _OTHER_COLOURS:
        return image.convert("RGB"), None, []
    raise UnsupportedPixelsError(f"pixels of a kind that is not supported ({mode})")


def _unless_grey(image: Image.Image, key: object, mode: str, content: bytes) -> Image.Image | None:
    """Return the opacity of a grey image in which one value is transparent; None if no value is."""
    if not isinstance(key, int):
        return None
    depth = content[_PNG_DEPTH] if image.format == "PNG" or content.startswith(b"\x89PNG") else 8
    if mode == "L" and depth < 8:  # Pillow scales the pixels, but not this value
        key = key * 255 // ((1 << depth) - 1)
    return image.point([0 if value == key else 255 for value in range(256)])


def _unless_colour(image: Image.Image, key: object, content: bytes) -> Image.Image | None:
    """Return the opacity of a colour image in which one colour is transparent; None if no colour is."""
    if not isinstance(key, tuple) or len(key) != 3:
        return None
    deep = content.startswith(b"\x89PNG") and content[_PNG_DEPTH] == 16
    seen = [value >> 8 if deep else value for value in key]
    return Image.fromarray(np.where((np.asarray(image) == seen).all(axis=2), 0, 255).astype(np.uint8))


def _upper_eight(image: Image.Image, values: NDArray[np.generic]) -> tuple[Image.Image, list[str]]:
    """Return the upper 8 of the bits that the file says its samples have, and warnings.

    The choice of bits is the same for every image, whatever its content. Float samples are from 0 to 1, as in PFM and
    in most software that writes them. Integers of 32 bits hold 16-bit values.

    Raises:
        UnsupportedPixelsError: a sample lies outside its range.
    """
    inverted = isinstance(image, TiffImageFile) and image.tag_v2.get(_PHOTOMETRIC) == _WHITE_IS_ZERO
    if image.mode == "F":
        floats = values.astype(np.float32, copy=False)
        if not ((floats >= 0) & (floats <= 1)).all():
            raise UnsupportedPixelsError("float pixels outside 0 to 1")
        eight = np.minimum(floats * np.float32(256), 255).astype(np.uint8)
        odd: list[str] = []
    else:
        whole = values.astype(np.int64)
        lowest, highest = int(whole.min()), int(whole.max())
        if lowest < 0 or highest >= 1 << 16:
            raise UnsupportedPixelsError("whole-number pixels outside 0 to 65535")
        bits, odd = _bits(image, highest)
        eight = (whole >> (bits - 8)).astype(np.uint8)
    return Image.fromarray(255 - eight if inverted else eight), odd


def _bits(image: Image.Image, highest: int) -> tuple[int, list[str]]:
    """Return how many bits a sample has by the file's own tags, and a warning where these tags are wrong.

    Cameras put 12 bits into 16, and state so as the largest sample. Other software states the largest sample that
    occurs in the image, which is hardly ever a power of two less one.
    """
    if not isinstance(image, TiffImageFile):
        return 16, []
    stored = _first(image.tag_v2.get(_BITS_PER_SAMPLE))
    if image.mode in _SIXTEEN_BITS and stored is not None and 8 < stored < 16:
        return stored, []
    largest = _first(image.tag_v2.get(_MAX_SAMPLE))
    if largest is None or not 255 <= largest < (1 << 16) - 1 or largest & (largest + 1):
        return 16, []
    return (16, [OTHER_MAXIMUM]) if highest > largest else (largest.bit_length(), [])


def _first(value: object) -> int | None:
    if isinstance(value, tuple) and value:
        value = value[0]
    return value if isinstance(value, int) else None
