"""List the source `lsun`: LMDB folders of encoded images as LSUN publishes them.

An example is `bedroom_train_lmdb` next to `bedroom_val_lmdb`.
"""

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pipeline.base.errors import UserError
from pipeline.data.sources.location import Location
from pipeline.data.sources.source import Listing, OfficialSplit, Part, RawImage, Request, SourceKind, wrong_kind
from pipeline.store.local import LocalFolder

if TYPE_CHECKING:
    import lmdb

DATA = "data.mdb"
PART_IMAGES = 1_000
WANTED = f"a folder with {DATA} in it, or the folder above several CATEGORY_train_lmdb and CATEGORY_val_lmdb"
NO_CATEGORY = "a database that is named neither CATEGORY_train_lmdb nor CATEGORY_val_lmdb"
_NAME = re.compile(r"(?P<category>.+)_(?P<split>train|val)_lmdb")
_SPLITS: dict[str, OfficialSplit] = {"train": "train", "val": "validation"}


@dataclass(frozen=True)
class Database:
    """Describe one LMDB folder."""

    path: Path
    prefix: str  # of the names of its images
    label: str | None
    split: OfficialSplit
    identity: str


@dataclass(frozen=True)
class KeyRange:
    """Hold a range of the images of a database, from one key on, as a `Part`."""

    database: Database
    first: bytes
    count: int

    @property
    def identity(self) -> str:
        """Return a text that differs where the content of the range does; see `Part`."""
        seen = f"{self.database.identity}/{self.database.label}/{self.database.split}/{self.count}/".encode()
        return hashlib.sha256(seen + self.first).hexdigest()

    def images(self) -> Iterator[RawImage]:
        """Yield the images of the range; behind a damaged page of the database they have no keys. See `Part`."""
        import lmdb

        label, split, done = self.database.label, self.database.split, 0
        try:
            with _opened(self.database.path) as environment, environment.begin() as transaction:
                cursor = transaction.cursor()
                found = cursor.set_key(self.first)
                while found and done < self.count:
                    key, content = cursor.item()
                    yield RawImage(f"{self.database.prefix}{_text(key)}", content, label, split=split)
                    done += 1
                    found = cursor.next()
        except lmdb.Error:
            pass  # what it says of pages helps nobody; the images are counted as what they are
        for number in range(done, self.count):
            name = f"{self.database.prefix}{_text(self.first)}+{number}"
            yield RawImage(name, b"", label, split=split, reason="unreadable")


def _recognises(location: Location) -> bool:
    return location.file is None and bool(_folders(location))


def _list(request: Request) -> Listing:
    location = request.location
    folders = _folders(location)
    if location.file is not None or not folders:
        raise wrong_kind(request, "is a file" if location.file else f"has no {DATA}", WANTED)
    if not isinstance(location.folder, LocalFolder):
        raise UserError(
            f"data.source.path: {location}: LMDB is read by mapping its file into memory, which needs a disk of this machine: copy "
            "the folder here, and point path at the copy."
        )
    _require_lmdb()
    found, left_out = _databases(location, location.folder.path, folders)
    for category in sorted({database.label for database in found if database.label is not None}):
        if not any(database.split == "train" for database in found if database.label == category):
            raise UserError(
                f"data.source.path: {location}: has {category}_val_lmdb, but no {category}_train_lmdb. Get that one, too, or move the "
                "other one away."
            )
    parts: list[Part] = [part for database in found for part in _key_ranges(database)]
    if not parts:
        raise UserError(f"data.source.path: {location}: its databases are empty.")
    splits: tuple[OfficialSplit, ...] = tuple(sorted({database.split for database in found}))
    return Listing(parts, splits=splits, left_out=[*location.left_out, *left_out])


def _folders(location: Location) -> list[str]:
    """Return the names of the LMDB folders; "" is the location itself."""
    steps = (PurePosixPath(name) for name in location.entries if name.endswith(DATA))
    return [str(path.parent).removeprefix(".") for path in steps if path.name == DATA and len(path.parts) <= 2]


def _databases(location: Location, path: Path, folders: list[str]) -> tuple[list[Database], list[tuple[str, str]]]:
    """Return each database with its class and split, and what is left out.

    One database alone has no labels, nor have those of one category.
    """
    if len(folders) == 1:
        (folder,) = folders
        prefix = f"{folder}/" if folder else ""
        return [Database(path / folder, prefix, None, "train", location.identity_of(f"{prefix}{DATA}"))], []
    named = {folder: _NAME.fullmatch(folder) for folder in folders}
    categories = {match["category"] for match in named.values() if match}
    found, left_out = [], []
    for folder, match in named.items():
        if match is None:
            left_out.append((folder or DATA, NO_CATEGORY))
            continue
        label = match["category"] if len(categories) > 1 else None
        identity = location.identity_of(f"{folder}/{DATA}")
        found.append(Database(path / folder, f"{folder}/", label, _SPLITS[match["split"]], identity))
    if not found:
        raise UserError(
            f"data.source.path: {location}: has several databases ({', '.join(folders[:5])}), none of them named CATEGORY_train_lmdb: "
            "point path at one of them."
        )
    return found, left_out


def _key_ranges(database: Database) -> Iterator[KeyRange]:
    """Yield the ranges of a database, for which only its keys are read."""
    import lmdb

    try:
        with _opened(database.path) as environment:
            _require_whole(environment, database.path)
            with environment.begin() as transaction:
                first, count = b"", 0
                for number, key in enumerate(transaction.cursor().iternext(keys=True, values=False)):
                    if number % PART_IMAGES == 0:
                        if count:
                            yield KeyRange(database, first, count)
                        first, count = key, 0
                    count += 1
                if count:
                    yield KeyRange(database, first, count)
    except lmdb.Error as error:
        raise UserError(f"{database.path / DATA}: is no whole LMDB database ({error}). Get it again.") from None


def _require_whole(environment: "lmdb.Environment", path: Path) -> None:
    """Refuse a file that is shorter than it says: reading behind its end would kill the process, not raise an error."""
    promised = (environment.info()["last_pgno"] + 1) * environment.stat()["psize"]
    if (found := (path / DATA).stat().st_size) < promised:
        raise UserError(f"{path / DATA}: truncated: {found:,} bytes, its pages take {promised:,}. Get it again.")


@contextmanager
def _opened(path: Path) -> Iterator["lmdb.Environment"]:
    """Open a database without a lock file, and yield it.

    Nobody writes, and the folder may be one that may not be written to.
    """
    import lmdb

    with lmdb.open(str(path), readonly=True, lock=False, create=False) as environment:
        yield environment


def _require_lmdb() -> None:
    try:
        import lmdb  # noqa: F401
    except ImportError:
        raise UserError("data.source.kind: lsun needs the package lmdb: pip install -e '.[lsun]'.") from None


def _text(key: bytes) -> str:
    return key.decode(errors="backslashreplace")


KIND = SourceKind("lsun", 40, _recognises, _list)
