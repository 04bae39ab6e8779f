"""Image files for tests, those that Pillow does not write made by hand."""

import struct
import zlib
from io import BytesIO

import numpy as np
from PIL import Image


def stored(picture: Image.Image, kind: str, **options) -> bytes:
    """A file that Pillow writes."""
    file = BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def png(rows: list[bytes], width: int, depth: int, kind: int, **chunks: bytes) -> bytes:
    """A PNG file with any chunks before its pixels."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", width, len(rows), depth, kind, 0, 0, 0))]
    parts += [chunk(name.encode(), content) for name, content in chunks.items()]
    parts += [chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows))), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(values: np.ndarray, order: str, bits: int, **tags: int) -> bytes:
    """A TIFF file of grey pixels, written by hand: Pillow writes neither 12 bits nor both byte orders."""
    data = values.tobytes()
    height, width = values.shape
    entries = {256: width, 257: height, 258: bits, 259: 1, 262: 1, 273: 8, 277: 1, 278: height, 279: len(data)}
    entries |= {int(tag[1:]): value for tag, value in tags.items()}
    ifd = struct.pack(f"{order}H", len(entries))
    for tag, value in sorted(entries.items()):
        ifd += struct.pack(f"{order}HHI", tag, 4, 1) + struct.pack(f"{order}I", value)
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8 + len(data))
    return start + data + ifd + struct.pack(f"{order}I", 0)
