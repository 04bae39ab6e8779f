"""Pictures of any shape as squares of one size."""

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.config.sources import Images
from pipeline.data.decode import UnusableError

_KERNELS = {
    "lanczos": Image.Resampling.LANCZOS,
    "bicubic": Image.Resampling.BICUBIC,
    "area": Image.Resampling.BOX,
}
_SMALLEST_SIDE = 2

TOO_SMALL = "too small"


def square(image: Image.Image, size: int, channels: int, images: Images) -> NDArray[np.uint8]:
    """`uint8 [size, size, channels]` of a picture of mode "L" or "RGB", cut out, fitted and resized as `images` says.

    Resizing is antialiased: the kernel widens with the factor (Parmar et al. 2022, "On Aliased Resizing"). In plain sRGB values it is
    done in whole numbers, so that every machine comes to the same pixels.
    """
    mode = "L" if channels == 1 else "RGB"
    if image.mode != mode:
        image = image.convert(mode)
    if images.crop is not None:
        left, top, width, height = images.crop
        if left + width > image.width or top + height > image.height:
            raise UnusableError("smaller than data.images.crop")
        image = image.crop((left, top, left + width, top + height))
    least = size if images.smallest is None else images.smallest
    if min(image.size) < max(least, _SMALLEST_SIDE):
        raise UnusableError(f"{TOO_SMALL}: a side of fewer than {least} px")
    if images.fit == "centre":
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    if images.fit == "pad":
        return _padded(image, size, channels, images)
    return _resized(image, size, size, images)


def _padded(image: Image.Image, size: int, channels: int, images: Images) -> NDArray[np.uint8]:
    longest = max(image.size)
    width, height = (max(1, round(side * size / longest)) for side in image.size)
    ground = Image.new("RGB", (size, size), images.background).convert(image.mode)
    canvas = np.array(ground).reshape(size, size, channels)
    left, top = (size - width) // 2, (size - height) // 2
    canvas[top : top + height, left : left + width] = _resized(image, width, height, images)
    return canvas


def _resized(image: Image.Image, width: int, height: int, images: Images) -> NDArray[np.uint8]:
    channels = len(image.getbands())
    if image.size == (width, height):
        return np.asarray(image).reshape(height, width, channels)
    kernel = _KERNELS[images.resample]
    if images.light == "srgb":
        return np.asarray(image.resize((width, height), kernel)).reshape(height, width, channels)
    resized = [
        np.asarray(Image.fromarray(_linear()[np.asarray(band)]).resize((width, height), kernel))
        for band in image.split()
    ]
    return _srgb(np.stack(resized, axis=-1))


@cache
def _linear() -> NDArray[np.float32]:
    """Light of each of the 256 values of sRGB, 0 to 1 (IEC 61966-2-1)."""
    value = np.arange(256) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4).astype(np.float32)


def _srgb(light: NDArray[np.float32]) -> NDArray[np.uint8]:
    clipped = np.clip(light.astype(np.float64), 0, 1)
    value = np.where(clipped <= 0.0031308, 12.92 * clipped, 1.055 * clipped ** (1 / 2.4) - 0.055)
    return np.round(255 * value).astype(np.uint8)
