"""Store files in a folder of this machine, as `Folder` describes one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pipeline.store.files import file_sha256, write_atomically
from pipeline.store.folder import Entry


@dataclass(frozen=True)
class LocalFolder:
    """Represent a folder of this machine."""

    path: Path
    guards_content = False

    def __str__(self) -> str:
        return str(self.path)

    def __truediv__(self, name: str) -> "LocalFolder":
        return LocalFolder(self.path / name)

    def write(self, name: str, content: bytes | memoryview) -> None:
        """Replace a file, whole or not at all; see `Folder`. A full disk is a UserError."""
        write_atomically(self.path / name, content)

    def read(self, name: str) -> bytes:
        """Return the content of a file; see `Folder`."""
        return (self.path / name).read_bytes()

    def entry(self, name: str) -> Entry | None:
        """Return what is known of a file; see `Folder`. What is no plain file has no entry."""
        path = self.path / name
        if not path.is_file():
            return None
        found = path.stat()
        return Entry(found.st_size, found.st_mtime)

    def entries(self, below: str) -> dict[str, Entry]:
        """Return what is known of all files below a folder; see `Folder`."""
        files = sorted(
            (path.relative_to(self.path).as_posix(), path) for path in (self.path / below).rglob("*") if path.is_file()
        )
        found = ((name, self.entry(name)) for name, _ in files)
        return {name: entry for name, entry in found if entry is not None}

    def open(self, name: str) -> BinaryIO:
        """Open a file to read it in places; see `Folder`."""
        return (self.path / name).open("rb")

    def read_many(self, names: Sequence[str]) -> Iterator[bytes | None]:
        """Yield the contents of files; see `Folder`."""
        for name in names:
            try:
                yield self.read(name)
            except OSError:
                yield None

    def sha256(self, name: str) -> str:
        """Return the digest of a file's content; see `Folder`."""
        return file_sha256(self.path / name)

    def remove(self, names: Sequence[str]) -> None:
        """Remove files; see `Folder`."""
        for name in names:
            (self.path / name).unlink(missing_ok=True)
