"""Where files are kept that several processes make and read: a folder of this machine, or a prefix of an object store.

Either way a file is whole or not there, and whoever reads a name gets the last content that was written to it whole.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO, Protocol


@dataclass(frozen=True)
class Entry:
    """What is known of a file without reading it; `modified` is in seconds since the epoch."""

    size: int
    modified: float
    tag: str | None = None  # that an object store gives to the content


class Folder(Protocol):
    """A folder; names within it are relative and have forward slashes. It can be sent to other processes."""

    @property
    def guards_content(self) -> bool:
        """Whether what is kept here stays as it was written, as object stores see to; reading a run back from one takes hours."""
        ...

    def __str__(self) -> str:
        """As a user would name it."""
        ...

    def __truediv__(self, name: str) -> "Folder":
        """A folder in it."""
        ...

    def write(self, name: str, content: bytes | memoryview) -> None:
        """Replaces a file, whole or not at all."""
        ...

    def read(self, name: str) -> bytes:
        """The content of a file; FileNotFoundError where there is none."""
        ...

    def entry(self, name: str) -> Entry | None:
        """What is known of a file, None where there is none."""
        ...

    def entries(self, below: str) -> dict[str, Entry]:
        """All files below a folder of that name, by their names and in the order of these."""
        ...

    def open(self, name: str) -> BinaryIO:
        """A file to read in places, without holding all of it; FileNotFoundError where there is none."""
        ...

    def read_many(self, names: Sequence[str]) -> Iterator[bytes | None]:
        """The contents of files, in the order of `names`; None for one that is not there."""
        ...

    def sha256(self, name: str) -> str:
        """Digest of a file's content, hexadecimal; FileNotFoundError where there is none."""
        ...

    def remove(self, names: Sequence[str]) -> None:
        """Removes files; those that are not there are no error."""
        ...


def write_document(folder: Folder, name: str, value: Any) -> None:
    """Replaces a file by `value` as indented JSON (NaN and infinities are refused)."""
    folder.write(name, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())
