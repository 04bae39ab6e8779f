"""Give the nodes of a cluster their input files, from a shared folder or by digest from an object store."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipeline.base.errors import UserError
from pipeline.base.junk import is_junk
from pipeline.runs.fingerprint import canonical_digest
from pipeline.store.bucket import Bucket, at_once
from pipeline.store.files import file_sha256, own_temporary_folder, write_atomically
from pipeline.store.folder import Folder
from pipeline.store.places import is_remote

UPLOADS = "shared"  # below the root: a file for each digest, never changed
FILES_AT_ONCE = 4  # each is held in memory while it is on its way


@dataclass(frozen=True)
class InputFiles:
    """Hold a folder that can be sent to other processes, which find its files by `local`."""

    origin: Path
    store: Folder | None = None  # None: all nodes have `origin`
    files: dict[str, str] = field(default_factory=dict)  # SHA-256 by name, of those in the store

    def local(self) -> Path:
        """Return the folder on this machine; download from the store what it lacks.

        Raises:
            UserError: a file in the store is not what was put there.
        """
        if self.store is None:
            return self.origin
        folder = own_temporary_folder() / canonical_digest(self.files)[:16]
        self.download([name for name in self.files if not (folder / name).is_file()], folder)
        return folder

    def download(self, names: Sequence[str], folder: Path) -> None:
        """Write these files from the store into `folder`, each after a check of its digest."""
        store = self.store
        assert store is not None

        def download(name: str) -> None:
            try:
                content = store.read(self.files[name])
            except FileNotFoundError:
                content = b""
            if hashlib.sha256(content).hexdigest() != self.files[name]:
                raise UserError(
                    f"{store}/{self.files[name]} is missing, or differs from what was uploaded as {name}. Remove it "
                    "there, and run the command again that made it."
                )
            write_atomically(folder / name, content)

        for _ in at_once(download, names, FILES_AT_ONCE):
            pass


def upload_if_remote(folder: Path, names: Sequence[str], root: str) -> InputFiles:
    """Return the files of a folder of this machine for all nodes that see `root`; upload them where that is a store.

    What is in the store already is not sent again.
    """
    if not is_remote(root):
        return InputFiles(folder.absolute())
    return upload(folder, names, Bucket(root))


def upload(folder: Path, names: Sequence[str], root: Folder) -> InputFiles:
    """Upload files of a folder of this machine below `root`, named by their digests."""
    store, origin = root / UPLOADS, folder.absolute()
    files = {name: file_sha256(origin / name) for name in names}

    one_of_each = {digest: origin / name for name, digest in files.items()}

    def put(digest: str) -> None:
        entry, file = store.entry(digest), one_of_each[digest]
        if entry is None or entry.size != file.stat().st_size:
            store.write(digest, file.read_bytes())

    for _ in at_once(put, list(one_of_each), FILES_AT_ONCE):
        pass
    return InputFiles(origin, store, files)


def files_below(folder: Path) -> list[str]:
    """Return the names of all files in `folder` and below, sorted."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return sorted(name for name in names if not is_junk(name))
