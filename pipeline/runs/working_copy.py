"""Give a process a run's folder to work in: the folder itself, or a copy of what an object store holds."""

import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.runs.lease import LEASE
from pipeline.store.files import is_temporary, write_atomically
from pipeline.store.folder import Folder
from pipeline.store.local import LocalFolder


class WorkingCopy:
    """Represent the files at `path`, which are those of `place` as far as they were pulled.

    What was made in the copy is pushed to `place`.
    """

    def __init__(self, place: Folder, path: Path) -> None:
        self.place = place
        self.path = path
        self._same: dict[str, tuple[int, int]] = {}  # in both: size and time of change (ns) of the file here
        self._pushing = threading.Lock()

    def pull(self, *names: str) -> None:
        """Download files and folders of these names, by default all, and pass over what `place` does not have."""
        if self._is_place:
            return
        for name in names or ("",):
            entry = self.place.entry(name) if name else None
            found = [name] if entry is not None else list(self.place.entries(name))
            wanted = [file for file in found if file != LEASE]
            for file, content in zip(wanted, self.place.read_many(wanted), strict=True):
                if content is not None:
                    write_atomically(self.path / file, content)
                    self._same[file] = _state(self.path / file)

    def push(self) -> None:
        """Upload what was made or changed in the copy, oldest first, then remove from `place` what was removed.

        In that order a file that says of others that they are whole comes after them.
        """
        if self._is_place:
            return
        with self._pushing:
            files = {
                file.relative_to(self.path).as_posix(): _state(file)
                for file in self.path.rglob("*")
                if file.is_file() and not is_temporary(file)
            }
            changed = [name for name, state in files.items() if self._same.get(name) != state]
            for name in sorted(changed, key=lambda name: files[name][1]):
                self.place.write(name, (self.path / name).read_bytes())
                self._same[name] = files[name]
            gone = [name for name in self._same if name not in files]
            self.place.remove(gone)
            for name in gone:
                del self._same[name]

    @property
    def _is_place(self) -> bool:
        return isinstance(self.place, LocalFolder) and self.place.path == self.path


@contextmanager
def working_copy(place: Folder) -> Iterator[WorkingCopy]:
    """Yield `place` itself where it is a folder of this machine, else an empty copy, which is removed at the end."""
    if isinstance(place, LocalFolder):
        yield WorkingCopy(place, place.path)
        return
    with tempfile.TemporaryDirectory(prefix="imagemint-run-") as scratch:
        yield WorkingCopy(place, Path(scratch))


def _state(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns
