"""Store files below a prefix of an object store, as `Folder` describes a folder."""

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO, TypeVar

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError, PermissionDeniedError
from obstore.store import GCSStore, S3Store, from_url

from pipeline.base.errors import UserError
from pipeline.config.constants import OBJECT_STORE
from pipeline.store.folder import Entry

if TYPE_CHECKING:
    from obstore import ReadableFile
    from obstore.store import BackoffConfig, ClientConfig, RetryConfig

Item = TypeVar("Item")
Made = TypeVar("Made")

# A gateway that is started again within this time is waited for, with ever longer pauses.
RETRY_FOR = timedelta(minutes=3)
FIRST_RETRY_FOR = timedelta(seconds=10)  # before work begins, where the name or the endpoint may be wrong
REQUESTS_AT_ONCE = 32
ITEMS_AT_ONCE = 1_000  # handed to the threads: what they have made of them waits in memory
READ_AHEAD = 1 << 20  # bytes of an object that are read at once
MOST_RETRIES = 10_000  # the time is the limit
PATIENCE = timedelta(seconds=60)  # for an answer; a shard has to go through in it
CONNECT = timedelta(seconds=5)
# Lists are refused with a plain error; without credentials the library asks the cloud's own machines for some.
NO_CREDENTIALS = ("403 Forbidden", "401 Unauthorized", "169.254.169.254")


def at_once(
    function: Callable[[Item], Made], items: Sequence[Item], threads: int | None = REQUESTS_AT_ONCE
) -> Iterator[Made]:
    """Yield `function(item)` of each item, in their order, by as many threads as may wait for an object store."""
    with ThreadPoolExecutor(threads) as pool:
        for start in range(0, len(items), ITEMS_AT_ONCE):
            yield from pool.map(function, items[start : start + ITEMS_AT_ONCE])


@dataclass(frozen=True)
class Bucket:
    """Represent a prefix of an object store, `s3://BUCKET/PREFIX` or `gs://BUCKET/PREFIX`.

    Credentials and endpoint come from the environment (AWS_ACCESS_KEY_ID, AWS_ENDPOINT_URL, GOOGLE_SERVICE_ACCOUNT,
    ...). A file is one PUT: nothing of it is visible before it is whole, and a writer that dies leaves nothing behind.
    """

    url: str
    guards_content = True

    def __str__(self) -> str:
        return self.url

    def require_answer(self) -> None:
        """Refuse a store that does not answer for several seconds, while nothing is lost by it."""
        with self._errors(), suppress(FileNotFoundError):
            obstore.head(_store(self.url, FIRST_RETRY_FOR), "request.json")

    def __truediv__(self, name: str) -> "Bucket":
        return Bucket(f"{self.url.rstrip('/')}/{name}")

    def write(self, name: str, content: bytes | memoryview) -> None:
        """Replace a file, whole or not at all; see `Folder`."""
        with self._errors(writing=True):
            obstore.put(self._store, name, bytes(content), use_multipart=False)

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless it exists, and return whether this call wrote it.

        Of many who try at once one succeeds.
        """
        try:
            with self._errors(writing=True):
                obstore.put(self._store, name, content, mode="create", use_multipart=False)
        except AlreadyExistsError:
            return self.read(name) == content  # an answer that was lost on its way makes us try twice
        return True

    def read(self, name: str) -> bytes:
        """Return the content of a file; see `Folder`."""
        with self._errors():
            return bytes(obstore.get(self._store, name).bytes())

    def entry(self, name: str) -> Entry | None:
        """Return what is known of a file; see `Folder`."""
        try:
            with self._errors():
                found = obstore.head(self._store, name)
        except FileNotFoundError:
            return None
        return Entry(found["size"], found["last_modified"].timestamp(), found["e_tag"])

    def entries(self, below: str) -> dict[str, Entry]:
        """Return what is known of all files below a folder; see `Folder`."""
        with self._errors():
            files = [file for batch in obstore.list(self._store, below or None) for file in batch]
        return {
            file["path"]: Entry(file["size"], file["last_modified"].timestamp(), file["e_tag"])
            for file in sorted(files, key=lambda file: file["path"])
        }

    def open(self, name: str) -> BinaryIO:
        """Open a file to read it in places; see `Folder`."""
        with self._errors():
            return io.BufferedReader(_ObjectFile(obstore.open_reader(self._store, name)), READ_AHEAD)

    def read_many(self, names: Sequence[str]) -> Iterator[bytes | None]:
        """Yield the contents of files, read many at a time; see `Folder`."""
        return at_once(self._read_if_there, names)

    def sha256(self, name: str) -> str:
        """Return the digest of a file's content; see `Folder`."""
        digest = hashlib.sha256()
        with self._errors():
            for part in obstore.get(self._store, name).stream():
                digest.update(part)
        return digest.hexdigest()

    def folders(self) -> Sequence[str]:
        """Return the names of the prefixes right below this one."""
        with self._errors():
            found = obstore.list_with_delimiter(self._store)["common_prefixes"]
        return sorted(name.rstrip("/").rpartition("/")[2] for name in found)

    def copy_from(self, source: "Bucket", name: str, new_name: str) -> None:
        """Copy a file of another prefix of the same bucket, within the store."""
        ours, theirs = self._within_bucket, source._within_bucket
        with self._errors(writing=True):
            obstore.copy(self._whole_bucket, f"{theirs}{name}", f"{ours}{new_name}")

    def remove(self, names: Sequence[str]) -> None:
        """Remove files; see `Folder`."""
        for _ in at_once(self._remove, names):
            pass

    def _remove(self, name: str) -> None:
        with self._errors(writing=True), suppress(FileNotFoundError):
            obstore.delete(self._store, name)

    def _read_if_there(self, name: str) -> bytes | None:
        try:
            return self.read(name)
        except FileNotFoundError:
            return None

    @property
    def bucket(self) -> str:
        """Return the URL of the whole bucket."""
        scheme, rest = self.url.split("://", 1)
        return f"{scheme}://{rest.partition('/')[0]}"

    @cached_property
    def _store(self) -> S3Store | GCSStore:
        return _store(self.url)

    @property
    def _within_bucket(self) -> str:
        _, _, prefix = self.url.split("://", 1)[1].partition("/")
        return f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    @cached_property
    def _whole_bucket(self) -> S3Store | GCSStore:
        return _store(self.bucket)

    def __getstate__(self) -> dict[str, str]:
        """Return the state without the connection, which each process makes from its own environment."""
        return {"url": self.url}

    @contextmanager
    def _errors(self, *, writing: bool = False) -> Iterator[None]:
        """Turn what the store answers into a message.

        A missing file stays a FileNotFoundError, unless it was to be written.
        """
        try:
            yield
        except AlreadyExistsError:
            raise
        except FileNotFoundError:
            if writing:
                raise UserError(
                    f"{self.url}: there is no such bucket. Create the bucket, or name another one."
                ) from None
            raise
        except PermissionDeniedError as error:
            raise UserError(
                f"{self.url}: access refused ({_first_line(error)}). Check the credentials in the environment."
            ) from None
        except BaseError as error:
            if any(sign in str(error) for sign in NO_CREDENTIALS):
                raise UserError(
                    f"{self.url}: access refused, or no credentials given ({_first_line(error)}). Check the credentials in the "
                    "environment."
                ) from None
            raise UserError(
                f"{self.url}: {_first_line(error)}. Check the name, the endpoint and the network, then run the same command "
                "again; finished work is kept."
            ) from None


class _ObjectFile(io.RawIOBase):
    """Read an object of a store as Python's own readers read a file."""

    def __init__(self, reader: "ReadableFile") -> None:
        self._reader = reader

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return self._reader.seek(offset, whence)

    def tell(self) -> int:
        return self._reader.tell()

    def readinto(self, buffer: Any) -> int:
        content = memoryview(self._reader.read(len(buffer)))
        buffer[: len(content)] = content
        return len(content)


def _store(url: str, retry_for: timedelta = RETRY_FOR) -> S3Store | GCSStore:
    if not OBJECT_STORE.fullmatch(url):
        # Not repeated: it may hold a password.
        raise UserError(
            f"{url[:5]}...: not a place in an object store; use s3://BUCKET/PREFIX, of letters, digits and ._=-."
        )
    client: ClientConfig = {"timeout": PATIENCE, "connect_timeout": CONNECT}
    if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://"):
        client["allow_http"] = True  # asked for by name
    # A pause is a random time up to `base` times the one before: with the library's own base, 2, pauses do not grow.
    pauses: BackoffConfig = {"init_backoff": timedelta(seconds=0.2), "max_backoff": timedelta(seconds=10), "base": 4}
    retries: RetryConfig = {"max_retries": MOST_RETRIES, "retry_timeout": retry_for, "backoff": pauses}
    try:
        store = from_url(url, client_options=client, retry_config=retries)
    except BaseError as error:
        raise UserError(
            f"{url}: not a place in an object store ({_first_line(error)}); use s3://BUCKET/PREFIX."
        ) from None
    assert isinstance(store, S3Store | GCSStore)
    return store


def _first_line(error: Exception) -> str:
    """Return what the store said, without the library's debugging output and the XML around it."""
    return str(error).split("\n", 1)[0].split("<?xml", 1)[0].strip().rstrip(":.")
