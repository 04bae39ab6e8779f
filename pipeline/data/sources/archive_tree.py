"""Read the files in an archive without unpacking it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from pipeline.data.sources.archive_files import read_member
from pipeline.data.sources.archive_members import Span
from pipeline.store.folder import Folder


@dataclass(frozen=True)
class ArchiveTree:
    """Represent the files in an archive as a `Tree`."""

    folder: Folder
    file: str
    given: str  # as the user wrote it
    spans: Mapping[str, Span]

    def __str__(self) -> str:
        return self.given

    def only(self, names: Sequence[str]) -> "ArchiveTree":
        """Return the same tree with the files `names` alone; see `Divisible`."""
        return replace(self, spans={name: self.spans[name] for name in names})

    def read_many(self, names: Sequence[str]) -> Iterator[bytes | None]:
        """Yield the contents of files, in the order of `names`; None for one that cannot be read. See `Tree`."""
        try:
            opened = self.folder.open(self.file)
        except OSError:
            yield from (None for _ in names)
            return
        with opened as file:
            for name in names:
                yield read_member(file, self.spans[name])
