"""IDX, the file format of MNIST and its kin: a big-endian header and raw bytes, gzipped or not."""

import gzip
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UserError

IMAGES_MAGIC = 2051  # unsigned bytes, three dimensions
LABELS_MAGIC = 2049  # unsigned bytes, one dimension
LARGEST_CONTENT = 4 << 30  # bytes; a gzip file that unpacks to more is taken for hostile


def read_idx_bytes(folder: Path, name: str) -> bytes:
    """The uncompressed content of `folder/name` or `folder/name.gz`."""
    plain, packed = folder / name, folder / f"{name}.gz"
    try:
        if plain.is_file():
            return plain.read_bytes()
        if packed.is_file():
            return _unpack(packed)
    except OSError as error:
        raise UserError(f"{folder / name}: cannot be read: {error}.") from None
    if not folder.is_dir():
        raise UserError(f"data.source.path: no folder {folder}.")
    raise UserError(f"data.source.path: the folder {folder} has neither {name} nor {name}.gz.")


def _unpack(path: Path) -> bytes:
    try:
        with gzip.open(path) as file:
            content = file.read(LARGEST_CONTENT + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{path}: truncated or damaged gzip file ({error}). Get it again.") from None
    if len(content) > LARGEST_CONTENT:
        raise UserError(f"{path}: unpacks to more than {LARGEST_CONTENT >> 30} GiB; refused.")
    return content


def parse_images(content: bytes, where: Path) -> NDArray[np.uint8]:
    """`uint8 [N, H, W, 1]` of an IDX image file; `where` names it in errors."""
    count, height, width = _header(content, where, IMAGES_MAGIC, 3, "images")
    return np.frombuffer(content, np.uint8, offset=16).reshape(count, height, width, 1)


def parse_labels(content: bytes, where: Path) -> NDArray[np.int64]:
    """`int64 [N]` of an IDX label file; `where` names it in errors."""
    _header(content, where, LABELS_MAGIC, 1, "labels")
    return np.frombuffer(content, np.uint8, offset=8).astype(np.int64)


def _header(content: bytes, where: Path, magic: int, dimensions: int, what: str) -> list[int]:
    size = 4 * (1 + dimensions)
    if len(content) < size:
        raise UserError(f"{where}: truncated: {len(content)} bytes, an IDX header has {size}. Get it again.")
    found, *shape = np.frombuffer(content, ">u4", count=1 + dimensions).tolist()
    if found != magic:
        raise UserError(f"{where}: not an IDX file of {what}: its first number is {found}, expected {magic}.")
    expected = size + int(np.prod(shape, dtype=object))
    if len(content) != expected:
        state = "truncated" if len(content) < expected else "too long"
        raise UserError(f"{where}: {state}: {len(content)} bytes, its header promises {expected}. Get it again.")
    return list(shape)
