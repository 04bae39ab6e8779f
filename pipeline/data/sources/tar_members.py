"""Read the files in a tar from any origin, one at a time.

The tar is hostile until checked, and nothing of it is held in memory or unpacked.
"""

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, BinaryIO, cast

from pipeline.data.sources.bounded import Bounded
from pipeline.store.folder import Folder

TARS = ("a tar archive", "a gzip file")  # as `kind_of` calls what may be one
_GZIP = b"\x1f\x8b"
LARGEST_HEADER = 1 << 20  # bytes; those of long names may claim any size, and tarfile believes them
LARGEST_UNPACKED = 1 << 30  # bytes of a gzip file, or so many times its size: beyond it is taken for hostile
LARGEST_FACTOR = 100

LINK = "a link in a tar, which is not followed"
DEVICE = "no plain file in a tar"
OUTSIDE = "a name in a tar that leads out of it"
CUT = "the tar is damaged or cut off here: what follows is lost"
BOMB = "the tar unpacks to far more than its size: what follows is refused"

# What Python's readers raise at damaged content; what a store raises is not among it.
DAMAGE = (
    tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError, OverflowError, RecursionError, LookupError,
)  # fmt: skip


class BrokenTarError(Exception):
    """Say why the rest of a tar is not read, in words that do not depend on the tar."""


@dataclass(frozen=True)
class Member:
    """Describe an entry of a tar: its name without a leading `./`, and where its content lies.

    `reason` says why the entry is of no use.
    """

    name: str
    offset: int
    size: int
    folder: bool = False
    reason: str | None = None


@contextmanager
def open_tar(folder: Folder, name: str) -> Iterator[BinaryIO]:
    """Yield a tar's bytes as they are when unpacked; gzip is recognised by its first bytes."""
    with folder.open(name) as file:
        packed = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        if not packed:
            yield file
            return
        with gzip.GzipFile(fileobj=file) as unpacked:
            yield cast(BinaryIO, unpacked)


def members(file: BinaryIO, size: int) -> Iterator[Member]:
    """Yield the entries of a tar in their order. The caller may read and seek in `file` in between, see `read_member`.

    Args:
        file: the unpacked bytes, as `open_tar` gives them.
        size: the size of the file itself, which may be packed, in bytes.

    Raises:
        BrokenTarError: the rest of the tar cannot be read.
    """
    most = max(LARGEST_UNPACKED, LARGEST_FACTOR * size) if isinstance(file, gzip.GzipFile) else size
    reached = -1
    try:
        with tarfile.open(fileobj=cast(IO[bytes], Bounded(file, LARGEST_HEADER)), mode="r:") as tar:
            while (found := tar.next()) is not None:
                vars(tar)["members"] = []  # tarfile keeps all that it has seen
                if found.size < 0 or tar.offset <= reached:  # a size below nothing leads back, and round for ever
                    raise BrokenTarError(CUT)
                reached = tar.offset
                if found.offset_data + (found.size if found.isreg() else 0) > most:
                    raise BrokenTarError(BOMB if isinstance(file, gzip.GzipFile) else CUT)
                yield Member(_shown(found.name), found.offset_data, found.size, found.isdir(), _reason(found))
            file.seek(tar.offset)
            if len(file.read(tarfile.BLOCKSIZE)) < tarfile.BLOCKSIZE:  # a whole tar ends in empty blocks
                raise BrokenTarError(CUT)
            file.read(LARGEST_HEADER)  # up to the checksum of gzip
    except DAMAGE:
        raise BrokenTarError(CUT) from None


def read_member(file: BinaryIO, offset: int, size: int) -> bytes:
    """Return the content of a member.

    Raises:
        BrokenTarError: the file ends or is damaged before the end of the member.
    """
    try:
        file.seek(offset)
        content = file.read(size)
    except DAMAGE:
        raise BrokenTarError(CUT) from None
    if len(content) < size:
        raise BrokenTarError(CUT)
    return content


def _shown(name: str) -> str:
    text = name.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return text.removeprefix("./")


def _reason(found: tarfile.TarInfo) -> str | None:
    if found.name.startswith("/") or ".." in PurePosixPath(found.name).parts:
        return OUTSIDE
    if found.issym() or found.islnk():
        return LINK
    if not found.isdir() and (not found.isreg() or found.issparse()):
        return DEVICE
    return None
