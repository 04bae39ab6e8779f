"""Fit pictures of any shape into squares of one size."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.config.schema import Data
from pipeline.data.decode import UnusableError

_KERNELS = {
    "lanczos": Image.Resampling.LANCZOS,
    "area": Image.Resampling.BOX,
    "nearest": Image.Resampling.NEAREST,
}

TOO_SMALL = "too small"


def square(image: Image.Image, data: Data) -> NDArray[np.uint8]:
    """Return `uint8 [size, size, C]` of a picture of mode "L" or "RGB", fitted and resized as `data` says.

    Resizing is antialiased except with `nearest`: the kernel widens with the factor (Parmar et al. 2022, "On Aliased
    Resizing"). It is done in stored sRGB values and in whole numbers, so that every machine gets the same pixels.

    Raises:
        UnusableError: a side is shorter than `data.size`, and `data.too_small` is "refuse".
    """
    if data.too_small == "refuse" and min(image.size) < data.size:
        raise UnusableError(f"{TOO_SMALL}: a side of fewer than {data.size} px")
    if data.fit == "crop" and image.width != image.height:
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        image = image.crop((left, top, left + side, top + side))
    if data.fit == "pad":
        return _padded(image, data)
    return _resized(image, data.size, data.size, data)


def _padded(image: Image.Image, data: Data) -> NDArray[np.uint8]:
    longest = max(image.size)
    width, height = (max(1, round(side * data.size / longest)) for side in image.size)
    red, green, blue = data.background_rgb
    if image.mode == "L" and not red == green == blue:
        image = image.convert("RGB")
    channels = len(image.getbands())
    canvas = np.empty((data.size, data.size, channels), np.uint8)
    canvas[...] = data.background_rgb[:channels]
    left, top = (data.size - width) // 2, (data.size - height) // 2
    canvas[top : top + height, left : left + width] = _resized(image, width, height, data)
    return canvas


def _resized(image: Image.Image, width: int, height: int, data: Data) -> NDArray[np.uint8]:
    if image.size != (width, height):
        image = image.resize((width, height), _KERNELS[data.resample])
    return np.asarray(image).reshape(height, width, len(image.getbands()))
