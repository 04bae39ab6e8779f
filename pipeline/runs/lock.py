"""Locks on files of this machine; those of a process that dies are free again."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.base.errors import UserError


@contextmanager
def locked(path: Path, taken: str) -> Iterator[None]:
    """Hold the lock `path` for as long as it lasts.

    Raises:
        UserError: another process holds it; the message is `taken`.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(taken) from None
    try:
        yield
    finally:
        lock.release()


def is_locked(path: Path) -> bool:
    """Return whether a process holds the lock."""
    if not path.exists():
        return False
    try:
        with FileLock(path).acquire(timeout=0):
            return False
    except Timeout:
        return True
