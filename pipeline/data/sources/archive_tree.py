"""The files in an archive, read without unpacking it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.data.sources.archive_files import read_member
from pipeline.data.sources.archive_members import Span
from pipeline.store.folder import Folder


@dataclass(frozen=True)
class ArchiveTree:
    """The files in an archive."""

    folder: Folder
    file: str
    given: str  # as the user wrote it
    spans: Mapping[str, Span]

    def __str__(self) -> str:
        return self.given

    def only(self, names: Sequence[str]) -> "ArchiveTree":
        """See `Divisible`."""
        return replace(self, spans={name: self.spans[name] for name in names})

    def read_many(self, names: Sequence[str]) -> Iterator[bytes | None]:
        """See `Tree`."""
        try:
            opened = self.folder.open(self.file)
        except OSError:
            yield from (None for _ in names)
            return
        with opened as file:
            for name in names:
                yield read_member(file, self.spans[name])
