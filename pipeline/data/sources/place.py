"""A source that is one file: of this machine, of an object store, or at an https address with its digest."""

import hashlib
import http.client
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

from pipeline.errors import UserError
from pipeline.folders import folder_at, is_remote
from pipeline.storage import atomic_path, file_sha256

TIMEOUT_S = 60
_BLOCK = 1 << 20


def local_file(place: str, sha256: str | None, downloads: Path, say: Callable[[str], None]) -> Path:
    """The file at `place`, fetched into `downloads` unless it is on this machine or was fetched before; refused where its digest differs.

    Args:
        place: a path, s3://BUCKET/KEY, gs://BUCKET/KEY, or an https:// address.
        sha256: what the content has to have; https:// wants one, since nobody vouches for what a server sends.
        downloads: folder for what is fetched.
        say: told what is fetched.
    """
    if place.startswith(("http://", "https://")):
        if sha256 is None:
            raise UserError(f"data.source.sha256: null, but {place} is fetched from a server; give the file's SHA-256.")
        return _fetched(place, sha256, downloads, say, lambda: _from_server(place))
    if is_remote(place):
        parent, _, name = place.rstrip("/").rpartition("/")
        entry = folder_at(parent).entry(name)
        if entry is None:
            raise UserError(f"data.source.path: there is no file {place}.")
        version = sha256 or hashlib.sha256(f"{place}\0{entry.size}\0{entry.modified!r}".encode()).hexdigest()
        return _fetched(
            place, version, downloads, say, lambda: iter([folder_at(parent).read(name)]), check=sha256 is not None
        )
    path = Path(place).expanduser()
    if not path.is_file():
        raise UserError(f"data.source.path: there is no file {path}.")
    if sha256 is not None and (found := file_sha256(path)) != sha256:
        raise UserError(f"{path}: has SHA-256 {found}, data.source.sha256 expects {sha256}. Get the file again.")
    return path


def _fetched(
    place: str,
    version: str,
    downloads: Path,
    say: Callable[[str], None],
    blocks: Callable[[], Iterator[bytes]],
    *,
    check: bool = True,
) -> Path:
    path = downloads / version[:16] / place.rstrip("/").rpartition("/")[2]
    if path.is_file() and (not check or file_sha256(path) == version):
        return path
    say(f"fetching {place}")
    digest = hashlib.sha256()
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        for block in blocks():
            digest.update(block)
            file.write(block)
        file.flush()
        if check and digest.hexdigest() != version:
            raise UserError(
                f"{place}: has SHA-256 {digest.hexdigest()}, data.source.sha256 expects {version}. Nothing of it was kept."
            )
    return path


def _from_server(address: str) -> Iterator[bytes]:
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT_S) as answer:
            while block := answer.read(_BLOCK):
                yield block
    except (urllib.error.URLError, OSError, http.client.HTTPException) as error:
        raise UserError(f"data.source.path: {address} cannot be fetched: {getattr(error, 'reason', error)}.") from None
