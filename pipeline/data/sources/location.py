"""Find what `data.source.path` points at: a folder or file of this machine or an object store, or an https address."""

import difflib
import hashlib
import http.client
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from pipeline.base.errors import UserError
from pipeline.data.kinds import kind_of
from pipeline.data.sources.walk import walk_local
from pipeline.store.files import atomic_path, file_sha256, readable
from pipeline.store.folder import Entry, Folder
from pipeline.store.local import LocalFolder
from pipeline.store.places import SCHEMES, folder_at

TIMEOUT_S = 60
KEY = "data.source.path"
_BLOCK = 1 << 20
_HEAD = 1_000


@dataclass(frozen=True)
class Location:
    """Represent a folder, or one file in it."""

    folder: Folder
    file: str | None  # None: the whole folder
    given: str  # as the user wrote it

    def __str__(self) -> str:
        return self.given

    @property
    def entries(self) -> dict[str, Entry]:
        """Return all files below the folder, or the one file, by name with forward slashes, in the order of names."""
        return self._walked[0]

    @property
    def left_out(self) -> list[tuple[str, str]]:
        """Return name and reason of what is below the folder and is no readable file, such as a broken link."""
        return self._walked[1]

    @cached_property
    def _walked(self) -> tuple[dict[str, Entry], list[tuple[str, str]]]:
        if self.file is not None:
            entry = self.folder.entry(self.file)
            return ({} if entry is None else {self.file: entry}), []
        with readable(KEY):
            return (
                walk_local(self.folder.path) if isinstance(self.folder, LocalFolder) else (self.folder.entries(""), [])
            )

    @cached_property
    def kind_of_file(self) -> str | None:
        """Return the kind of the one file by its first bytes, as `kind_of` names it.

        None means a folder, or a file of an unknown kind.
        """
        if self.file is None:
            return None
        with readable(KEY), self.folder.open(self.file) as file:
            return kind_of(file.read(_HEAD))

    def identity_of(self, name: str) -> str:
        """Return a digest that differs where a file's content does: of its folder, name, size and time."""
        entry = self.entries[name]
        seen = f"{self.folder}\0{name}\0{entry.size}\0{entry.modified!r}"
        return hashlib.sha256(seen.encode(errors="surrogateescape")).hexdigest()


def locate(given: str, sha256: str | None, downloads: Path, say: Callable[[str], None]) -> Location:
    """Return the location that `given` points at.

    Args:
        given: a path, s3://BUCKET/KEY, gs://BUCKET/KEY, or an https:// address.
        sha256: the digest that the content of the one file must have; an https address needs it.
        downloads: the folder for what is fetched from an https address.
        say: receives a message about what is fetched.

    Raises:
        UserError: nothing is there, or it has another digest.
    """
    if given.startswith("https://"):
        assert sha256 is not None  # a rule of the config
        path = _fetched(given, sha256, downloads, say)
        return Location(LocalFolder(path.parent), path.name, given)
    location = _in_store(given) if given.startswith(SCHEMES) else _here(given)
    if sha256 is None:
        return location
    if location.file is None:
        raise UserError(f"data.source.sha256: {sha256}, but {given} is a folder, not one file; leave sha256 out.")
    if (found := location.folder.sha256(location.file)) != sha256:
        raise UserError(f"{given}: has SHA-256 {found}, data.source.sha256 expects {sha256}. Get the file again.")
    return location


def fetch(address: str, downloads: Path, say: Callable[[str], None]) -> str:
    """Fetch what is at an https address and return its SHA-256, with which `locate` finds it in `downloads`.

    Raises:
        UserError: it cannot be fetched, or the disk is full.
    """
    say(f"fetching {address}")
    digest = hashlib.sha256()
    arrived = downloads / "arriving" / secrets.token_hex(8)
    with atomic_path(arrived) as temporary, temporary.open("wb") as file:
        for block in _from_server(address):
            digest.update(block)
            file.write(block)
    path = _download_path(address, digest.hexdigest(), downloads)
    path.parent.mkdir(exist_ok=True)
    arrived.replace(path)
    return digest.hexdigest()


def _in_store(given: str) -> Location:
    parent, _, name = given.rstrip("/").rpartition("/")
    if parent.count("/") >= 2:  # else `name` is the bucket
        above = folder_at(parent)
        if above.entry(name) is not None:
            return Location(above, name, given)
    return Location(folder_at(given), None, given)


def _here(given: str) -> Location:
    if "://" in given:
        raise UserError(f"{KEY}: {given}: allowed are a path, s3://, gs:// and https://.")
    path = Path(given).expanduser().absolute()
    with readable(KEY):
        if path.is_symlink() and not path.exists():
            raise UserError(f"{KEY}: {path} is a link to nothing ({path.readlink()}).")
        if path.is_dir():
            return Location(LocalFolder(path), None, given)
        if path.is_file():
            return Location(LocalFolder(path.parent), path.name, given)
        siblings = [found.name for found in path.parent.iterdir()] if path.parent.is_dir() else []
    near = difflib.get_close_matches(path.name, siblings, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise UserError(f"{KEY}: there is no file or folder {path}.{hint}")


def _fetched(address: str, sha256: str, downloads: Path, say: Callable[[str], None]) -> Path:
    path = _download_path(address, sha256, downloads)
    if path.is_file() and file_sha256(path) == sha256:
        return path
    if (found := fetch(address, downloads, say)) != sha256:
        raise UserError(
            f"{address}: has SHA-256 {found}, data.source.sha256 expects {sha256}. Check both: the content at the "
            "address may have changed."
        )
    return path


def _download_path(address: str, sha256: str, downloads: Path) -> Path:
    return downloads / sha256[:16] / _file_name(address)


def _file_name(address: str) -> str:
    return address.partition("?")[0].rstrip("/").rpartition("/")[2] or "file"


def _from_server(address: str) -> Iterator[bytes]:
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:
            while block := answer.read(_BLOCK):
                yield block
    except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
        raise UserError(f"{KEY}: {address} cannot be fetched: {getattr(error, 'reason', error)}.") from None
