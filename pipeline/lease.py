"""A lease on a prefix of an object store: one driver works on a run, and others are told so.

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

from pipeline.errors import UserError
from pipeline.folders import Bucket

LEASE = "lease.json"
HEARTBEAT_S = 15.0
FREE_AFTER_S = 60.0  # without a heartbeat: its owner has died


@contextmanager
def lease(
    run: Bucket, what: str, heartbeat_s: float = HEARTBEAT_S, free_after_s: float = FREE_AFTER_S
) -> Iterator[None]:
    """Holds the lease of a run for as long as it lasts, with a heartbeat from a thread of its own.

    Raises:
        UserError: another process holds it.
    """
    me = {"owner": secrets.token_hex(8), "host": socket.gethostname(), "pid": os.getpid()}
    _take(run, me, what, free_after_s)
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(heartbeat_s):
            with suppress(UserError):  # the next beat may get through
                run.write(LEASE, _now(me))

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
        with suppress(UserError):
            run.remove([LEASE])


def holder(run: Bucket, free_after_s: float = FREE_AFTER_S) -> str | None:
    """Who works on a run, None where nobody does."""
    try:
        found = json.loads(run.read(LEASE))
        silent = time.time() - found["beat"]
        return f"{found['host']}, process {found['pid']}" if silent < free_after_s else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def _take(run: Bucket, me: dict[str, object], what: str, free_after_s: float) -> None:
    if run.create(LEASE, _now(me)):
        return
    other = holder(run, free_after_s)
    if other is None:
        run.write(LEASE, _now(me))  # the owner died; of several who find that out at once, the last one stays
        other = None if json.loads(run.read(LEASE))["owner"] == me["owner"] else holder(run, free_after_s)
    if other is not None:
        raise UserError(
            f"Another process is working on this {what} run ({run}): {other}. Wait for it, or end it first; it counts as "
            f"ended {free_after_s:.0f} s after its last sign of life."
        )


def _now(me: dict[str, object]) -> bytes:
    return json.dumps({**me, "beat": time.time()}).encode()
