"""Walk a tree of folders with links: find each file by the names that lead to it, and end every loop."""

import errno
import os
import stat
from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from pipeline.base.errors import UserError
from pipeline.store.folder import Entry

F = TypeVar("F")  # a folder
E = TypeVar("E")  # what is known of a file

BROKEN, LOOP, UNREADABLE, NO_FILE = "broken link", "a loop of links", "unreadable", "no plain file"
# Folders that link to each other make many paths out of few files: with ten of them, millions.
MOST_THROUGH_LINKS = 2_000_000


@dataclass(frozen=True)
class Child(Generic[F, E]):
    """Hold what stands in a folder under a name: a folder, a file, or the reason why it is neither."""

    name: str
    linked: bool
    folder: F | None = None
    file: E | None = None
    reason: str = ""


def walk(
    top: F, children: Callable[[F], Iterator[Child[F, E]]], key: Callable[[F], Hashable], where: str
) -> tuple[dict[str, E], list[tuple[str, str]]]:
    """Return all files below `top` by their names, in the order of these, and the name and reason of what is left out.

    Args:
        top: the folder to begin with.
        children: yields what stands right in a folder, with links followed.
        key: returns the same for a folder however it is reached; a folder that is entered below itself is a loop.
        where: names the source in messages.
    """
    files: dict[str, E] = {}
    left_out = []
    through_links = 0
    waiting = [("", top, frozenset({key(top)}), False)]
    while waiting:
        prefix, folder, above, linked = waiting.pop()
        for child in children(folder):
            name = prefix + child.name
            if child.folder is not None and key(child.folder) in above:
                left_out.append((name, LOOP))
            elif child.folder is not None:
                waiting.append((f"{name}/", child.folder, above | {key(child.folder)}, linked or child.linked))
            elif child.file is not None:
                files[name] = child.file
            else:
                left_out.append((name, child.reason))
            through_links += linked or child.linked
        if through_links > MOST_THROUGH_LINKS:
            raise UserError(
                f"data.source.path: {where}: more than {MOST_THROUGH_LINKS:,} files through links, the last ones in {prefix}. "
                "Do these folders link to each other? Remove the links."
            )
    return dict(sorted(files.items())), sorted(left_out)


@dataclass(frozen=True)
class _LocalFolder:
    path: str
    key: tuple[int, int]  # device and inode


def walk_local(path: Path) -> tuple[dict[str, Entry], list[tuple[str, str]]]:
    """Return what `walk` finds below a folder of this machine.

    Raises:
        OSError: a folder cannot be read.
    """
    found = path.stat()
    top = _LocalFolder(str(path), (found.st_dev, found.st_ino))
    return walk(top, _local_children, lambda folder: folder.key, str(path))


def _local_children(folder: _LocalFolder) -> Iterator[Child[_LocalFolder, Entry]]:
    with os.scandir(folder.path) as found:
        for entry in found:
            linked = entry.is_symlink()
            try:
                facts = entry.stat()
            except OSError as error:
                broken = linked and error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP)
                yield Child(entry.name, linked, reason=BROKEN if broken else UNREADABLE)
                continue
            if stat.S_ISDIR(facts.st_mode):
                yield Child(entry.name, linked, folder=_LocalFolder(entry.path, (facts.st_dev, facts.st_ino)))
            elif stat.S_ISREG(facts.st_mode):
                yield Child(entry.name, linked, file=Entry(facts.st_size, facts.st_mtime))
            else:
                yield Child(entry.name, linked, reason=NO_FILE)
