"""List what an archive says that it holds; refuse what would lead out of the archive or was made to do harm."""

import posixpath
import re
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from pipeline.base.errors import UserError
from pipeline.data.sources.walk import BROKEN, Child, walk
from pipeline.store.folder import Entry

SHOWN = 80  # characters of a name in a message
LONGEST_NAME = 4096  # characters, also of what a link leads to
MOST_STEPS = 64  # folders in a name
MOST_LINKS = 40  # of which one leads to the next, as Linux has it
MOST_STEPS_OF_LINKS = 5_000_000  # followed in one archive
REPLACED = "replaced by a later member of the same name"


@dataclass(frozen=True)
class Span:
    """Describe where a member's bytes are in the archive's file."""

    start: int
    packed: int  # bytes there
    size: int  # bytes that they give
    method: int = 0  # as ZIP numbers the ways of compression; 0: none
    checksum: int | None = None  # CRC-32 of the content, of a ZIP archive's member
    behind_header: bool = False  # whether a ZIP archive's local header stands at `start`, before the bytes


@dataclass(frozen=True)
class _File:
    entry: Entry
    span: Span


@dataclass(frozen=True)
class _Link:
    target: str  # relative to the link's folder
    hard: bool  # then relative to the top


@dataclass(frozen=True)
class _Folder:
    path: tuple[str, ...] = ()
    inside: "dict[str, _Folder | _File | _Link]" = field(default_factory=dict)


def refusal(where: str, what: str) -> UserError:
    """Return the error for an archive that no tool by itself makes out of a folder of images."""
    return UserError(
        f"data.source.path: {where}: {what}. Nothing of it was unpacked. Get the archive from where you trust it, or point path at a "
        "folder of the images."
    )


class Members:
    """Hold the tree of files in an archive, which grows with each member."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._top = _Folder()
        self._steps_of_links = 0
        self._left_out: list[tuple[str, str]] = []

    def add_file(self, name: str, entry: Entry, span: Span) -> None:
        """Add a file. A later one of the same name replaces an earlier one, as in every unpacker.

        `entry.tag` stands for the content.
        """
        self._add(name, _File(entry, span))

    def add_link(self, name: str, target: str, *, hard: bool = False) -> None:
        """Add a link, which replaces an earlier member of the same name; see `add_file`.

        `target` is relative to the link's folder, or for a hard link to the top of the archive.
        """
        if (
            len(target) > LONGEST_NAME
            or target.startswith(("/", "\\"))
            or re.match("[A-Za-z]:", target)
            or self._is_out(name, target, hard=hard)
        ):
            raise refusal(self._where, f"the link {_short(name)} leads out of it, to {_short(target)}")
        self._add(name, _Link(target, hard))

    def _is_out(self, name: str, target: str, *, hard: bool) -> bool:
        """Return whether a link leads out of the archive as it is written.

        A link that does so through other links is found when it is followed.
        """
        start = "" if hard else posixpath.dirname(name)
        return posixpath.normpath(posixpath.join(start, target)).split("/")[0] == ".."

    def add_folder(self, name: str) -> None:
        """Check the name of a folder; an empty folder changes nothing."""
        self._steps(name)

    def leave_out(self, name: str, reason: str) -> None:
        """Record that a member cannot be an image, with the reason."""
        self._steps(name)
        self._left_out.append((name, reason))

    def listed(self) -> tuple[dict[str, Entry], dict[str, Span], list[tuple[str, str]]]:
        """Return all files by name, where their bytes are, and what is left out. Links are followed, as in a folder."""
        found, left_out = walk(self._top, self._children, id, self._where)
        entries = {name: file.entry for name, file in found.items()}
        return entries, {name: file.span for name, file in found.items()}, [*self._left_out, *left_out]

    def _add(self, name: str, what: _File | _Link) -> None:
        *above, last = self._steps(name)
        folder = self._top
        for step in above:
            below = folder.inside.get(step)
            if below is None:
                below = folder.inside[step] = _Folder((*folder.path, step))
            if not isinstance(below, _Folder):
                raise refusal(self._where, f"{_short(name)} lies below {_short(step)}, which is no folder")
            folder = below
        before = folder.inside.get(last)
        if isinstance(before, _Folder):
            raise refusal(self._where, f"{_short(name)} is both a folder and a file")
        if before is not None:
            self._left_out.append((name, REPLACED))
        folder.inside[last] = what

    def _steps(self, name: str) -> list[str]:
        steps = [step for step in name.split("/") if step not in ("", ".")]
        if name.startswith(("/", "\\")) or re.match("[A-Za-z]:[/\\\\]", name):
            raise refusal(self._where, f"its member {_short(name)} has an absolute path")
        if ".." in steps or ".." in name.split("\\"):
            raise refusal(self._where, f"the path of its member {_short(name)} leads out of it")
        if len(name) > LONGEST_NAME or len(steps) > MOST_STEPS or "\0" in name:
            raise refusal(self._where, f"its member {_short(name)} has a path that no file could have")
        return steps or ["."]

    def _children(self, folder: _Folder) -> Iterator[Child[_Folder, _File]]:
        for name, what in folder.inside.items():
            found = self._followed(what, folder, name) if isinstance(what, _Link) else what
            linked = isinstance(what, _Link)
            if isinstance(found, _Folder):
                yield Child(name, linked, folder=found)
            elif found is not None:
                yield Child(name, linked, file=found)
            else:
                yield Child(name, linked, reason=BROKEN)

    def _followed(self, link: _Link, folder: _Folder, name: str) -> _Folder | _File | None:
        """Return what a link leads to, through other links where these are on its way.

        None means that the link leads to nothing that is there.
        """
        here: list[_Folder | _File] = [self._top]
        steps = deque([*(() if link.hard else folder.path), *link.target.split("/")])
        links = 0
        while steps:
            self._steps_of_links += 1
            if self._steps_of_links > MOST_STEPS_OF_LINKS:
                raise refusal(self._where, "its links lead to each other without end")
            step = steps.popleft()
            if step in ("", "."):
                continue
            if step == "..":
                here.pop()
                if not here:
                    raise refusal(self._where, f"the link {_short(name)} leads out of it, to {_short(link.target)}")
                continue
            at = here[-1]
            found = at.inside.get(step) if isinstance(at, _Folder) else None
            if isinstance(found, _Link):
                links += 1
                if links > MOST_LINKS:
                    return None
                steps.extendleft(reversed(found.target.split("/")))
                here = [self._top] if found.hard else here
            elif found is None:
                return None
            else:
                here.append(found)
        return here[-1]


def _short(name: str) -> str:
    return repr(name if len(name) <= SHOWN else f"{name[:SHOWN]}…")
