"""Define where files are stored that several processes make and read: a folder, or a prefix of an object store.

Either way a file is whole or not there, and whoever reads a name gets the last content that was written to it whole.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol


@dataclass(frozen=True)
class Entry:
    """Hold what is known of a file without reading it; `modified` is in seconds since the epoch."""

    size: int
    modified: float
    tag: str | None = None  # that an object store gives to the content


class Folder(Protocol):
    """Represent a folder that can be sent to other processes; names within it are relative and have forward slashes."""

    @property
    def guards_content(self) -> bool:
        """Return whether stored content stays as it was written, as object stores ensure.

        A release to such a folder is not read back, which would take hours.
        """
        ...

    def __str__(self) -> str:
        """Return the folder as a user would name it."""
        ...

    def __truediv__(self, name: str) -> "Folder":
        """Return a folder in it."""
        ...

    def write(self, name: str, content: bytes | memoryview) -> None:
        """Replace a file, whole or not at all."""
        ...

    def read(self, name: str) -> bytes:
        """Return the content of a file; FileNotFoundError where there is none."""
        ...

    def entry(self, name: str) -> Entry | None:
        """Return what is known of a file, None where there is none."""
        ...

    def entries(self, below: str) -> dict[str, Entry]:
        """Return what is known of all files below a folder of that name, by their names and in the order of these."""
        ...

    def open(self, name: str) -> BinaryIO:
        """Open a file to read in places, without holding all of it; FileNotFoundError where there is none."""
        ...

    def read_many(self, names: Sequence[str]) -> Iterator[bytes | None]:
        """Yield the contents of files, in the order of `names`; None for one that is not there."""
        ...

    def sha256(self, name: str) -> str:
        """Return the digest of a file's content, hexadecimal; FileNotFoundError where there is none."""
        ...

    def remove(self, names: Sequence[str]) -> None:
        """Remove files; those that are not there are no error."""
        ...


def write_document(folder: Folder, name: str, value: Any) -> None:
    """Replace a file by `value` as indented JSON (NaN and infinities are refused)."""
    folder.write(name, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())
