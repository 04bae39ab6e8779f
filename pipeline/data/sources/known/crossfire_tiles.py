"""List the pictures that the game Crossfire builds its maps from, out of the one archive that its client reads."""

import hashlib
import struct
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pipeline.base.errors import UserError
from pipeline.data.sources.debian import DebianPackage, find_or_fetch
from pipeline.data.sources.source import Listing, Part, RawImage, Request
from pipeline.store.files import file_sha256

ARCHIVE = "usr/share/games/crossfire-client/crossfire.base"
PACKAGE = DebianPackage("crossfire-client-images", (ARCHIVE,))
KNOWN_SHA256 = "6fadae0b78f9e5006fb1e037e51d5d9fb64156945bf80a33cec5af7edb99c245"  # of version 1.70.0
TITLE = "Crossfire tiles (Debian package crossfire-client-images)"
LICENCE = "GPL-2.0-or-later"  # the package's own words are "the GPL"

SIDE = 32  # px
# Those with at least 120 different pictures of 32x32 px, but for those of unrelated things.
CLASSES = ("armour", "floor", "ground", "monster", "player", "spell", "wall", "weapon")
UNRELATED = ("misc", "connect", "system")
OF_UNRELATED = "of a class of unrelated things"
OF_SMALL = "of a class of fewer than 120 pictures"
OF_OTHER_SIZE = f"not of {SIDE}x{SIDE} px"

LONGEST_HEADER = 1_000  # bytes
PNG_HEAD = 24  # bytes: signature, length and name of the first chunk, width, height
PART_IMAGES = 500


@dataclass(frozen=True)
class Picture:
    """Describe where a PNG file stands in the archive."""

    name: str  # "monster/giant/cyclops.x11": its class is the first part
    offset: int
    size: int  # bytes
    sides: tuple[int, int]  # px; (0, 0): no PNG

    @property
    def label(self) -> str:
        """Return the name of the picture's class."""
        return self.name.partition("/")[0]


@dataclass(frozen=True)
class ArchivePart:
    """Hold pictures of the archive, as a `Part`."""

    path: Path
    pictures: tuple[Picture, ...]
    identity: str

    def images(self) -> Iterator[RawImage]:
        """Yield the pictures as images; see `Part`."""
        with self.path.open("rb") as file:
            for picture in self.pictures:
                file.seek(picture.offset)
                yield RawImage(picture.name, file.read(picture.size), picture.label)


def list_images(request: Request) -> Listing:
    """List about 3,500 colour images of 32x32 px in eight classes.

    Equal images are recognised later, by their pixels.
    """
    path = find_or_fetch(PACKAGE, request.downloads, request.say)[ARCHIVE]
    digest = file_sha256(path)
    with path.open("rb") as file:
        pictures = list(read_archive(file, str(path)))
    selected, left_out = chosen(pictures)
    parts: list[Part] = [
        ArchivePart(path, tuple(chunk), hashlib.sha256(f"{digest}/{chunk[0].offset}".encode()).hexdigest())
        for chunk in (selected[start : start + PART_IMAGES] for start in range(0, len(selected), PART_IMAGES))
    ]
    other = (
        f"{path}: this is another version of the package than 1.70.0, with which the numbers of the documentation were "
        "measured."
    )
    return Listing(
        parts,
        left_out=left_out,
        warnings=[] if digest == KNOWN_SHA256 else [other],
        name=TITLE,
        licence=LICENCE,
    )


def read_archive(file: BinaryIO, where: str) -> Iterator[Picture]:
    """Yield the pictures of an archive in their order.

    Each picture is the line `IMAGE SIZE ./arch/NAME` and SIZE bytes of PNG.

    Raises:
        UserError: the file is truncated, or no such archive.
    """
    length = file.seek(0, 2)
    start = 0
    while start < length:
        file.seek(start)
        line = file.readline(LONGEST_HEADER)
        words = line.split()
        offset = start + len(line)
        if len(words) != 3 or words[0] != b"IMAGE" or not words[1].isdigit() or not line.endswith(b"\n"):
            raise UserError(
                f"{where}: no archive of Crossfire's pictures: no header line at byte {start}. Get it again."
            )
        size = int(words[1])
        if offset + size > length:
            raise UserError(f"{where}: truncated in the picture at byte {start}. Get it again.")
        head = file.read(min(size, PNG_HEAD))
        sides = struct.unpack(">II", head[16:]) if head.startswith(b"\x89PNG") and len(head) == PNG_HEAD else (0, 0)
        name = words[2].decode(errors="replace").removeprefix("./").removeprefix("arch/")
        yield Picture(name, offset, size, (sides[0], sides[1]))
        start = offset + size


def chosen(pictures: Sequence[Picture]) -> tuple[list[Picture], list[tuple[str, str]]]:
    """Return the pictures of the eight classes and the right size, class by class, and those that are left out.

    The latter have their name and the reason.
    """
    selected: dict[str, list[Picture]] = defaultdict(list)
    left_out = []
    for picture in pictures:
        if picture.label in UNRELATED:
            left_out.append((picture.name, OF_UNRELATED))
        elif picture.label not in CLASSES:
            left_out.append((picture.name, OF_SMALL))
        elif picture.sides != (SIDE, SIDE):
            left_out.append((picture.name, OF_OTHER_SIZE))
        else:
            selected[picture.label].append(picture)
    return [picture for label in CLASSES for picture in selected[label]], left_out
