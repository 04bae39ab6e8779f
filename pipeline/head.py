"""Notices that a cluster's head is gone before Ray does, which ends this process after a minute and says nothing."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from pipeline.errors import UserError

LOOK_EVERY_S = 3
PATIENCE_S = 40  # a head that keeps its state elsewhere may come back; Ray gives up after 60 s


class HeadLostError(UserError):
    """The cluster's head has not answered for too long."""


@contextmanager
def watched(address: str) -> Iterator[None]:
    """Raises a HeadLostError in the main thread, which has to be the one that calls this, when nothing answers at HOST:PORT."""
    host, _, port = address.rpartition(":")
    over = threading.Event()

    def lost(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise HeadLostError(
            f"The head of the cluster at {address} has not answered for {PATIENCE_S} s. Start it again, then run the same "
            "command: what is finished is kept."
        )

    def watch() -> None:
        answered = time.monotonic()
        while not over.wait(LOOK_EVERY_S):
            try:
                socket.create_connection((host, int(port)), timeout=LOOK_EVERY_S).close()
                answered = time.monotonic()
            except OSError:
                if time.monotonic() - answered > PATIENCE_S and not over.is_set():
                    os.kill(os.getpid(), signal.SIGUSR2)
                    return

    before = signal.signal(signal.SIGUSR2, lost)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
        signal.signal(signal.SIGUSR2, before)
