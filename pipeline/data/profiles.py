"""Convert pixels to sRGB by the colour profile (ICC) of their file.

Pixels that are sRGB already stay unchanged.
"""

from functools import lru_cache
from io import BytesIO

import numpy as np
from PIL import Image, ImageCms

DAMAGED_PROFILE = "damaged colour profile: ignored"
OTHER_PROFILE = "colour profile of another kind of pixels: ignored"

# Profiles that say they are sRGB round differently: what none of the colours tried is changed by more than this, is sRGB.
MOST_DIFFERENCE = 3
_STEPS = 17  # colours that are tried, along each channel
_SPACE_OF = {"RGB": "RGB ", "CMYK": "CMYK"}
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))


def to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str | None]:
    """Return an image of mode "L", "RGB" or "CMYK" in sRGB, and a warning where its profile is of no use.

    Pillow gives None for a profile that it cannot unpack. Grey stays grey: even a colour profile converts only its
    lightness.
    """
    if not isinstance(profile, bytes):
        return image, DAMAGED_PROFILE
    try:
        space = _space(profile)
        if image.mode == "L" and space in ("GRAY", "RGB "):
            table = _grey_table(profile)
            return (image if table is None else image.point(list(table))), None
        if space == _SPACE_OF.get(image.mode):
            transform = _transform(profile, image.mode)
            return (image if transform is None else _applied(transform, image)), None
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return image, DAMAGED_PROFILE
    return image, OTHER_PROFILE


@lru_cache(maxsize=16)
def _space(profile: bytes) -> str:
    return ImageCms.getOpenProfile(BytesIO(profile)).profile.xcolor_space


@lru_cache(maxsize=16)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """Return the transform from `mode` to sRGB; None where it changes RGB colours by at most `MOST_DIFFERENCE`."""
    transform = ImageCms.buildTransform(ImageCms.getOpenProfile(BytesIO(profile)), _SRGB, mode, "RGB")
    if mode == "RGB":
        steps = np.linspace(0, 255, _STEPS).round().astype(np.uint8)
        tried = np.stack(np.meshgrid(steps, steps, steps), axis=-1).reshape(_STEPS, -1, 3)
        found = np.asarray(_applied(transform, Image.fromarray(tried)))
        if np.abs(found.astype(int) - tried).max() <= MOST_DIFFERENCE:
            return None
    return transform


@lru_cache(maxsize=16)
def _grey_table(profile: bytes) -> bytes | None:
    """Return what each of the 256 greys becomes; None where each changes by at most `MOST_DIFFERENCE`."""
    mode = "L" if _space(profile) == "GRAY" else "RGB"
    greys = np.arange(256, dtype=np.uint8)
    # Little CMS by itself would replace the curve by some points of it, 10 of 255 wrong in the dark.
    transform = ImageCms.buildTransform(
        ImageCms.getOpenProfile(BytesIO(profile)), _SRGB, mode, "RGB", flags=ImageCms.Flags.NOOPTIMIZE
    )
    found = np.asarray(_applied(transform, Image.fromarray(greys[None]).convert(mode)).convert("L"))[0]
    return None if np.abs(found.astype(int) - greys).max() <= MOST_DIFFERENCE else found.tobytes()


def _applied(transform: ImageCms.ImageCmsTransform, image: Image.Image) -> Image.Image:
    converted = ImageCms.applyTransform(image, transform)
    assert converted is not None  # only a conversion in place gives nothing
    return converted
