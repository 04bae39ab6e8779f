"""Read IDX, the file format of MNIST and related datasets: a big-endian header and raw bytes, gzipped or not."""

import gzip
import zlib
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from pipeline.base.errors import UserError
from pipeline.data.kinds import kind_of
from pipeline.store.files import readable
from pipeline.store.folder import Folder

IDX_FILES = (
    "train-images-idx3-ubyte",
    "train-labels-idx1-ubyte",
    "t10k-images-idx3-ubyte",
    "t10k-labels-idx1-ubyte",
)
IMAGES_MAGIC = 2051  # unsigned bytes, three dimensions
LABELS_MAGIC = 2049  # unsigned bytes, one dimension
_SHOWN = 10  # names of a folder in a message
LARGEST_CONTENT = 4 << 30  # bytes; a gzip file that unpacks to more is taken for hostile


def prefix_of(file: str, name: str) -> str | None:
    """Return what stands before `name` in the name of a file that holds it, often nothing; None if the file is another.

    The file may be gzipped (`name.gz`), or have a dot in place of its last hyphen but one (`train-images.idx3-ubyte`),
    as several sites spell it. It may have a prefix (`emnist-letters-train-images-idx3-ubyte`), and `test` in place of
    `t10k`, as the files of EMNIST do.
    """
    if "/" in file:
        return None
    plain = file.removesuffix(".gz").replace(".idx", "-idx")
    for spelling in (name, name.replace("t10k", "test")):
        if plain.endswith(spelling):
            return plain.removesuffix(spelling)
    return None


def read_idx(folder: Folder, where: str, name: str) -> tuple[str, bytes]:
    """Return which file of `folder` is `name`, see `prefix_of`, and its uncompressed content.

    `where` names the folder in errors.
    """
    with readable("data.source.path"):
        files = [found for found in folder.entries("") if "/" not in found]
    prefixes = {file: prefix for file in files if (prefix := prefix_of(file, name)) is not None}
    if not prefixes:
        raise UserError(
            f"data.source.path: the folder {where} has neither {name} nor {name}.gz (nor the same with "
            f"{name.replace('-idx', '.idx')}). It has {_listed(files)}."
        )
    if len(sets := sorted(set(prefixes.values()))) > 1:
        raise UserError(
            f"data.source.path: the folder {where} has the files of {len(sets)} sets, which begin with "
            f"{', '.join(prefix or name for prefix in sets)}. Move those of one into a folder of their own."
        )
    found = [(file, _content(folder, where, file)) for file in prefixes]
    (first, content), *others = found
    for other, another in others:
        if another != content:
            raise UserError(f"data.source.path: {where}: {first} and {other} differ. Remove the wrong one.")
    return first, content


def _listed(names: list[str]) -> str:
    return (", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")) or "no files"


def _content(folder: Folder, where: str, name: str) -> bytes:
    path = f"{where}/{name}"
    try:
        content = folder.read(name)
    except OSError as error:
        raise UserError(f"{path}: cannot be read: {error}.") from None
    return _unpack(content, path) if name.endswith(".gz") else content


def _unpack(packed: bytes, where: str) -> bytes:
    try:
        with gzip.open(BytesIO(packed)) as file:
            content = file.read(LARGEST_CONTENT + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        kind = kind_of(packed[:1000])
        if kind is not None and "IDX" in kind:
            raise UserError(f"{where}: is {kind}, no gzip file. Take .gz from its name.") from None
        if kind not in (None, "a gzip file", "an empty file"):
            raise UserError(f"{where}: is no gzip file, but {kind}. Get the file itself.") from None
        raise UserError(f"{where}: truncated or damaged gzip file ({error}). Get it again.") from None
    if len(content) > LARGEST_CONTENT:
        raise UserError(f"{where}: unpacks to more than {LARGEST_CONTENT >> 30} GiB; refused.")
    return content


def parse_images(content: bytes, where: str) -> NDArray[np.uint8]:
    """Return `uint8 [N, H, W, 1]` of an IDX image file; `where` names the file in errors."""
    count, height, width = _header(content, where, IMAGES_MAGIC, 3, "images")
    return np.frombuffer(content, np.uint8, offset=16).reshape(count, height, width, 1)


def parse_labels(content: bytes, where: str) -> NDArray[np.int64]:
    """Return `int64 [N]` of an IDX label file; `where` names the file in errors."""
    _header(content, where, LABELS_MAGIC, 1, "labels")
    return np.frombuffer(content, np.uint8, offset=8).astype(np.int64)


def _header(content: bytes, where: str, magic: int, dimensions: int, what: str) -> list[int]:
    size = 4 * (1 + dimensions)
    if len(content) < size:
        raise UserError(f"{where}: truncated: {len(content)} bytes, an IDX header has {size}. Get it again.")
    kind = kind_of(content)
    if kind is not None and "IDX" not in kind:
        hint = "Add .gz to its name" if kind == "a gzip file" else "Get the file itself"
        raise UserError(f"{where}: is no IDX file of {what}, but {kind}. {hint}.")
    found, *shape = np.frombuffer(content, ">u4", count=1 + dimensions).tolist()
    if found != magic:
        raise UserError(f"{where}: not an IDX file of {what}: its first number is {found}, expected {magic}.")
    expected = size + int(np.prod(shape, dtype=object))
    if len(content) != expected:
        state = "truncated" if len(content) < expected else "too long"
        raise UserError(f"{where}: {state}: {len(content)} bytes, its header promises {expected}. Get it again.")
    return list(shape)
