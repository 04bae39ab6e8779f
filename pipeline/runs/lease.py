"""Hold a lease on a prefix of an object store, so that one driver works on a run and others are refused.

It is a courtesy, not what keeps the result right: two drivers that got past it would write the same bytes twice.
"""

import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pydantic import BaseModel, ConfigDict

from pipeline.base.errors import UserError
from pipeline.store.bucket import Bucket
from pipeline.store.folder import Folder

LEASE = "lease.json"
HEARTBEAT_S = 15.0
FREE_AFTER_S = 60.0  # without a heartbeat: its owner has died


@contextmanager
def lease(
    run: Bucket, what: str, heartbeat_s: float = HEARTBEAT_S, free_after_s: float = FREE_AFTER_S
) -> Iterator[None]:
    """Hold the lease of a run for as long as the block runs, with a heartbeat from its own thread.

    Raises:
        UserError: another process holds it.
    """
    me = {"owner": secrets.token_hex(8), "host": socket.gethostname(), "pid": os.getpid()}
    _take(run, me, what, free_after_s)
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(heartbeat_s):
            with suppress(UserError):  # the next beat may get through
                if _owner(run) == me["owner"]:  # while this process slept, another may have taken it
                    run.write(LEASE, _now(me))

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        with suppress(UserError):
            if _owner(run) == me["owner"]:
                run.remove([LEASE])


@contextmanager
def alone(folder: Folder, what: str) -> Iterator[None]:
    """Hold the lease of a folder in an object store.

    On one machine hold nothing, since each run has its own lock there.
    """
    if not isinstance(folder, Bucket):
        yield
        return
    with lease(folder, what):
        yield


def holder(run: Bucket, free_after_s: float = FREE_AFTER_S) -> str | None:
    """Return who works on a run, None where nobody does."""
    found = _read(run)
    if found is None or abs(time.time() - found.beat) >= free_after_s:
        return None
    return f"{found.host}, process {found.pid}"


class _Lease(BaseModel):
    model_config = ConfigDict(strict=True)

    owner: str
    host: str
    pid: int
    beat: float  # seconds since the epoch, by its owner's clock


def _read(run: Bucket) -> _Lease | None:
    """Return the lease of a run; None where there is none, or where it cannot be read."""
    try:
        return _Lease.model_validate_json(run.read(LEASE))
    except (FileNotFoundError, ValueError):  # pydantic's ValidationError is a ValueError
        return None


def _owner(run: Bucket) -> str | None:
    found = _read(run)
    return None if found is None else found.owner


def _take(run: Bucket, me: dict[str, object], what: str, free_after_s: float) -> None:
    if run.create(LEASE, _now(me)):
        return
    other = holder(run, free_after_s)
    if other is None:
        run.write(LEASE, _now(me))  # the owner died; of several who find that out at once, the last one stays
        other = None if _owner(run) == me["owner"] else holder(run, free_after_s)
    if other is not None:
        raise UserError(
            f"Another process is working on this {what} run ({run}): {other}. Wait for it, or end it first; it counts as "
            f"ended {free_after_s:.0f} s after its last sign of life."
        )


def _now(me: dict[str, object]) -> bytes:
    return json.dumps({**me, "beat": time.time()}).encode()
