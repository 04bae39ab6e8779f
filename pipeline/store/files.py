"""Write, digest and link files that are either whole or not there, and measure free space."""

import errno
import hashlib
import json
import os
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pipeline.base.errors import UserError

_TEMPORARY = ".tmp"


@contextmanager
def atomic_path(path: Path, *, sync: bool = True) -> Iterator[Path]:
    """Yield a temporary path in the same folder; on success sync it, unless `sync` is False, and rename it to `path`.

    On any error the temporary file is removed and `path` is left as it was. A full disk is a `UserError`.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}{_TEMPORARY}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # Left by a killed process that had this id, it may be a hard link: writing to it would edit another file.
        temporary.unlink(missing_ok=True)
        yield temporary
        if sync:
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
        temporary.replace(path)
        temporary.unlink(missing_ok=True)  # renaming a file to another name of itself does nothing
        if sync:
            _sync_folder(path.parent)
    except OSError as error:
        with suppress(OSError):  # its folder may be what is missing
            temporary.unlink()
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise UserError(
                f"The disk is full: {path} could not be written. Make space under {path.parent} and run the same command "
                "again; finished work is kept."
            ) from None
        raise UserError(f"{path} cannot be written: {error.strerror or error}.") from None
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def is_temporary(path: Path) -> bool:
    """Return whether a file is one that is being written, or was when its process was killed."""
    return path.name.startswith(".") and path.name.endswith(_TEMPORARY)


def sweep_temporary(folder: Path) -> None:
    """Remove half-written files in `folder` and below, which killed processes left; those of a running writer, too."""
    for path in folder.rglob(f".*{_TEMPORARY}"):
        path.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes | memoryview) -> None:
    """Replace the file at `path` by `content`, whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_json(path: Path, value: Any) -> None:
    """Replace the file at `path` by `value` as indented JSON (NaN and infinities are refused)."""
    write_atomically(path, (json.dumps(value, indent=2, allow_nan=False) + "\n").encode())


def read_json(path: Path, what: str) -> Any:
    """Read JSON; `what` names the file's role in the message when it is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{what} not found: {path}.") from None
    except (OSError, UnicodeDecodeError, json.JSONDecodeError, RecursionError) as error:
        raise UserError(f"{what} {path} is damaged: {error}.") from None


@contextmanager
def readable(named: object) -> Iterator[None]:
    """Turn the system's refusal to read a place that a user named into a `UserError` that names it."""
    try:
        yield
    except OSError as error:
        where = "" if error.filename is None or str(error.filename) == str(named) else f" {error.filename}"
        raise UserError(f"{named}:{where} cannot be read: {error.strerror or error}.") from None


def is_there(path: Path) -> bool:
    """Return whether there is a plain file at `path`; a folder on the way that may not be entered is a `UserError`."""
    with readable(path):
        return path.is_file()


def file_sha256(path: Path) -> str:
    """Return the SHA-256 of a file's content, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def copy_whole(source: Path, target: Path) -> None:
    """Copy `source` to `target`, replacing what is there. It is for small files, which people may edit in place."""
    write_atomically(target, source.read_bytes())


def link_or_copy(source: Path, target: Path) -> None:
    """Link `source`, which is on disk, to `target`, replacing what is there: a hard link where possible, else a copy.

    Neither is ever edited in place afterwards, so sharing the bytes is safe.
    """
    link_or_copy_all([(source, target)])


def link_or_copy_all(pairs: Iterable[tuple[Path, Path]], on_files: Callable[[int], None] = lambda _: None) -> None:
    """Link or copy each source to its target, as `link_or_copy` does, and call `on_files` with 1 after each.

    Folders are synced once, at the end: 100,000 syncs take a minute.
    """
    folders = set()
    for source, target in pairs:
        with atomic_path(target, sync=False) as temporary:
            try:
                os.link(source, temporary)
            except OSError:
                shutil.copyfile(source, temporary)
                with temporary.open("rb") as file:
                    os.fsync(file.fileno())
        folders.add(target.parent)
        on_files(1)
    for folder in folders:
        _sync_folder(folder)


def free_space(folder: Path) -> int:
    """Return the bytes left on the disk of `folder`, which need not be there yet."""
    existing = folder.absolute()
    try:
        while not existing.exists():
            existing = existing.parent
        return shutil.disk_usage(existing).free
    except OSError as error:
        raise UserError(f"{folder} cannot be used: {error.strerror or error}.") from None


def require_free_space(folder: Path, needed_bytes: int, what: str, option: str) -> None:
    """Refuse to start `what` when `folder`'s disk has less than `needed_bytes` left; `option` names another place."""
    free = free_space(folder)
    if free < needed_bytes:
        needed, left = size_text(needed_bytes), size_text(free)
        if needed == left:
            needed, left = f"{needed_bytes:,} bytes", f"{free:,} bytes"
        raise UserError(
            f"{what} needs about {needed} under {folder}, where {left} are free. Make space on its disk, or choose another "
            f"place with {option}."
        )


def size_text(count: float) -> str:
    """Return a number of bytes in the unit that people would use for it."""
    for unit, size in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("KB", 1e3)):
        if count >= size:
            return f"{count / size:,.1f} {unit}"
    return f"{count:,.0f} bytes"


def own_temporary_folder() -> Path:
    """Return a folder for what this machine can do without, of this user alone: others can put nothing in its way."""
    folder = Path(tempfile.gettempdir()) / f"imagemint-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o022:
        raise UserError(f"{folder} belongs to somebody else, or others may write there: remove it, or set TMPDIR.")
    return folder


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
