"""Lock files of this machine; the locks of a process that dies are free again."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from pipeline.base.errors import UserError


@contextmanager
def locked(path: Path, refusal: str) -> Iterator[None]:
    """Hold the lock `path` for as long as the block runs.

    Raises:
        UserError: another process holds it; the message is `refusal`.
    """
    lock = FileLock(path, fallback_to_soft=False)  # a file that merely lies there would hold for ever
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise UserError(refusal) from None
    except OSError as error:
        raise UserError(f"{path}: cannot be locked: {error.strerror}. Use a folder on another disk.") from None
    try:
        yield
    finally:
        lock.release()


def is_locked(path: Path) -> bool:
    """Return whether a process holds the lock, without taking it: others may ask at the same time."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # nobody has made it, or it is not for us to see
        return False
    return False
