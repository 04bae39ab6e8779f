"""How a record's image is kept: PNG, lossless WebP, JPEG, or bare pixels behind a header of a few bytes (PNM).

All four are read by Pillow, and so by every loader. Equal pixels give equal bytes. Measured on 28 px grey images, one core:
PNG by OpenCV 29 us (by Pillow 47), WebP 133 us, JPEG 7 us.
"""

import io
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipeline.config.rules import DEFAULT_JPEG_QUALITY
from pipeline.data.images import LARGEST_IMAGE, decode_png, encode_png

Pixels = NDArray[np.uint8]  # [H, W, C], C = 1 (grey) or 3 (RGB)

OPENCV_WEBP_LOSSLESS = 101  # a quality above 100


@dataclass(frozen=True)
class Encoding:
    """`decode` is told the number of channels; it raises ValueError for what is damaged, too large or of another kind."""

    ending: str  # of file names
    encode: Callable[[Pixels], bytes]
    decode: Callable[[bytes, int], Pixels]
    lossless: bool = True

    def stored(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """What a reader will see of `images`, `uint8 [N, H, W, C]`."""
        if self.lossless:
            return images
        return np.stack([self.decode(self.encode(image), image.shape[2]) for image in images])


def encoding_named(name: str, jpeg_quality: int = DEFAULT_JPEG_QUALITY) -> Encoding:
    """The encoding that a config calls png, webp, jpeg or raw; only encoding as JPEG depends on the quality."""
    match name:
        case "png":
            return Encoding(".png", encode_png, decode_png)
        case "webp":
            return Encoding(
                ".webp", _encoder(".webp", cv2.IMWRITE_WEBP_QUALITY, OPENCV_WEBP_LOSSLESS), _decoder("WEBP")
            )
        case "jpeg":
            encode = _encoder(".jpg", cv2.IMWRITE_JPEG_QUALITY, jpeg_quality)
            return Encoding(".jpg", encode, _decoder("JPEG"), lossless=False)
        case "raw":
            return Encoding(".pnm", _encoder(".pnm"), _decoder("PPM"))
    raise ValueError(name)


def _encoder(ending: str, *options: int) -> Callable[[Pixels], bytes]:
    def encode(image: Pixels) -> bytes:
        done, content = cv2.imencode(ending, image if image.shape[2] == 1 else image[..., ::-1], options)
        if not done:
            raise RuntimeError(f"encoding as {ending} failed for an image of shape {image.shape}")
        return content.tobytes()

    return encode


def _decoder(kind: str) -> Callable[[bytes, int], Pixels]:
    """`kind` is Pillow's name, which reads the size before OpenCV decodes: a small file may claim to be huge."""

    def decode(content: bytes, channels: int) -> Pixels:
        try:
            with Image.open(io.BytesIO(content), formats=(kind,)) as opened:
                (width, height), mode = opened.size, opened.mode
        except (OSError, ValueError, Image.DecompressionBombError):
            raise ValueError("not a readable image") from None
        if mode not in (("RGB",) if channels == 3 else ("L", "RGB") if kind == "WEBP" else ("L",)):  # WebP has no grey
            raise ValueError(f"an image of another kind ({mode})")
        if width * height > LARGEST_IMAGE:
            raise ValueError(f"an image of {width}x{height} px, larger than {LARGEST_IMAGE:,} px in all: refused")
        flag = cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR
        image = cv2.imdecode(np.frombuffer(content, np.uint8), flag)
        if image is None:
            raise ValueError("not a readable image")
        return np.asarray(image[..., None] if channels == 1 else image[..., ::-1], dtype=np.uint8)

    return decode
