"""Notice that a cluster's head is gone before Ray does, which ends this process after a minute and says nothing."""

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import NoReturn

from pipeline.base.errors import UserError

CHECK_EVERY_S = 3
PATIENCE_S = 40  # a head that keeps its state elsewhere may come back; Ray gives up after 60 s


class HeadLostError(UserError):
    """Report that the cluster's head has not answered for too long."""


@contextmanager
def watched(address: str) -> Iterator[None]:
    """Raise a HeadLostError in the main thread when nothing answers at HOST:PORT any more.

    The main thread has to be the one that calls this.
    """
    host, _, port = address.rpartition(":")
    over = threading.Event()

    def lost(_signal: int, _frame: FrameType | None) -> NoReturn:
        raise HeadLostError(_message(address, f"has not answered for {PATIENCE_S} s"))

    def answers() -> bool:
        try:
            socket.create_connection((host, int(port)), timeout=CHECK_EVERY_S).close()
        except OSError:
            return False
        return True

    def watch() -> None:
        answered = time.monotonic()
        while not over.wait(CHECK_EVERY_S):
            if answers():
                answered = time.monotonic()
            elif time.monotonic() - answered > PATIENCE_S and not over.is_set():
                os.kill(os.getpid(), signal.SIGUSR2)
                return

    before = signal.signal(signal.SIGUSR2, lost)
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    except HeadLostError:
        raise
    except Exception as error:
        if answers():
            raise
        # What Ray raises of its parts that went with the head, sooner than patience ends.
        *_, last = str(error).strip().splitlines() or [""]
        raise HeadLostError(_message(address, f"does not answer ({type(error).__name__}: {last})")) from error
    finally:
        over.set()
        watcher.join()
        signal.signal(signal.SIGUSR2, before)


def _message(address: str, what: str) -> str:
    return (
        f"The head of the cluster at {address} {what}. Start it again, then run the same command: finished work is "
        "kept."
    )
