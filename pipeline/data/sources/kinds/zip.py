"""List the source `zip`: a ZIP or tar archive of a folder of images, read without unpacking it.

A compressed tar is unpacked to a plain one.
"""

import hashlib
import tarfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Literal

from pipeline.base.errors import UserError
from pipeline.data.sources.annotated import list_annotated
from pipeline.data.sources.archive_files import list_tar, list_zip, unpacked
from pipeline.data.sources.archive_tree import ArchiveTree
from pipeline.data.sources.location import KEY, Location
from pipeline.data.sources.source import Listing, Request, SourceKind, wrong_kind
from pipeline.store.files import atomic_path, readable
from pipeline.store.folder import Folder
from pipeline.store.local import LocalFolder

COMPRESSED = ("a gzip file", "a bzip2 file", "an xz file")
Format = Literal["zip", "tar", "compressed tar"]


def format_of(location: Location) -> Format | None:
    """Return the format of an archive, by its content; None for a folder and for a file that is no archive."""
    if location.file is None:
        return None
    kind = location.kind_of_file
    if kind in ("a ZIP archive", "a tar archive"):
        return "zip" if kind == "a ZIP archive" else "tar"
    with readable(KEY), location.folder.open(location.file) as file:
        if kind not in COMPRESSED:
            return "tar" if _begins_like_tar(file.read(tarfile.BLOCKSIZE)) else None
        with suppress(UserError):
            if _begins_like_tar(next(unpacked(file, kind, str(location), tarfile.BLOCKSIZE), b"")):
                return "compressed tar"
    return None


def _begins_like_tar(content: bytes) -> bool:
    """Return whether content begins with the header of a tar.

    The checksum of the first header is in every tar; the magic word is not in all of them.
    """
    try:
        tarfile.TarInfo.frombuf(content[: tarfile.BLOCKSIZE], "utf-8", "surrogateescape")
    except tarfile.TarError:
        return False
    return True


def _list(request: Request) -> Listing:
    location, found = request.location, format_of(request.location)
    if location.file is None or found is None:
        kind = "a folder" if location.file is None else location.kind_of_file or "a file of no known kind"
        inside = " that holds no tar archive, or is damaged" if kind in COMPRESSED else ""
        raise wrong_kind(request, f"is {kind}{inside}", "a ZIP or tar archive of a folder of images")
    folder, file = (location.folder, location.file) if found != "compressed tar" else _unpacked(request, location.file)
    warnings: list[str] = []
    with readable(KEY), folder.open(file) as opened:
        if found == "zip":
            members = list_zip(opened, str(location))
        else:
            members, warnings = list_tar(opened, str(location), location.identity_of(location.file))
    entries, spans, left_out = members.listed()
    listing = list_annotated(ArchiveTree(folder, file, str(location), spans), entries, request, left_out, wrapped=True)
    return replace(listing, warnings=[*warnings, *listing.warnings])


def _unpacked(request: Request, file: str) -> tuple[Folder, str]:
    """Return a compressed tar as a plain one, in which members can be found.

    What was unpacked of earlier versions of the same file is removed.
    """
    location = request.location
    identity = location.identity_of(file)
    home = request.downloads / "unpacked" / hashlib.sha256(f"{location.folder}\0{file}".encode()).hexdigest()[:16]
    path = home / f"{identity[:32]}.tar"
    if not path.is_file():
        request.say(f"unpacking {location}")
        with atomic_path(path) as temporary:
            with temporary.open("wb") as target, location.folder.open(file) as packed:
                for block in unpacked(packed, location.kind_of_file or "", str(location)):
                    target.write(block)
            _require_harmless(temporary, str(location))
        for other in set(home.iterdir()) - {path}:
            other.unlink(missing_ok=True)
    return LocalFolder(home), path.name


def _require_harmless(path: Path, where: str) -> None:
    """Refuse a hostile archive while it is a temporary file, which is then removed."""
    with path.open("rb") as file:
        members, _ = list_tar(file, where, "")
    members.listed()


KIND = SourceKind("zip", 80, lambda location: format_of(location) is not None, _list)
