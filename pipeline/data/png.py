"""PNG files: written by libdeflate, read by OpenCV once their size is known to be sane.

OpenCV and Pillow set up a zlib stream for every image, which takes longer than compressing a small one. Measured on one core:
28 px grey 13 us and 552 bytes (OpenCV 27 us, 588 bytes; Pillow 47 us); 64 px RGB photographs 55 us and 7,170 bytes (OpenCV 112
us, 6,880 bytes). libdeflate's output depends on its version, not on the processor.
"""

import struct
from functools import cache

import cv2
import deflate
import numpy as np
from numpy.typing import NDArray

LARGEST_IMAGE = 1 << 26  # px; decoding a small file that claims more would fill the memory

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_SIZE_ENDS = 24  # bytes up to the end of width and height
_GREY, _RGB = 0, 2
_UP = 2  # filter: each row as the difference to the one above
_FASTEST = 1


def encode_png(image: NDArray[np.uint8]) -> bytes:
    """PNG of `uint8 [H, W, C]`, C = 1 (grey) or 3 (RGB). Lossless; equal pixels give equal bytes.

    Source: Portable Network Graphics (PNG) Specification (Third Edition), W3C, 2025.
    """
    height, width, channels = image.shape
    rows = image.reshape(height, -1)
    filtered = np.empty((height, 1 + rows.shape[1]), np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = rows[0]
    np.subtract(rows[1:], rows[:-1], out=filtered[1:, 1:])
    return _start(height, width, channels) + _chunk(b"IDAT", deflate.zlib_compress(filtered, _FASTEST)) + _END


def decode_png(content: bytes, channels: int) -> NDArray[np.uint8]:
    """`uint8 [H, W, channels]` of a PNG; ValueError when it is damaged, of another kind, or absurdly large."""
    if len(content) < _SIZE_ENDS or not content.startswith(_SIGNATURE):
        raise ValueError("not a readable image")
    return decode_pixels(content, channels, *struct.unpack(">II", content[16:_SIZE_ENDS]))


def decode_pixels(content: bytes, channels: int, width: int, height: int) -> NDArray[np.uint8]:
    """`uint8 [H, W, channels]` of a file of any encoding that claims to be `width` by `height` px: not decoded where that is absurdly large."""
    if width * height > LARGEST_IMAGE:
        raise ValueError(f"an image of {width}x{height} px, larger than {LARGEST_IMAGE:,} px in all: refused")
    image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_GRAYSCALE if channels == 1 else cv2.IMREAD_COLOR)
    if image is None:
        raise ValueError("not a readable image")
    return np.asarray(image[..., None] if channels == 1 else image[..., ::-1], dtype=np.uint8)


@cache
def _start(height: int, width: int, channels: int) -> bytes:
    depth, method = 8, 0
    kind = _GREY if channels == 1 else _RGB
    return _SIGNATURE + _chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, method, method, method))


def _chunk(kind: bytes, content: bytes | bytearray) -> bytes:
    checked = kind + content
    return len(content).to_bytes(4) + checked + deflate.crc32(checked).to_bytes(4)


_END = _chunk(b"IEND", b"")
