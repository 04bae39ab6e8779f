"""Our commands as processes: how Ctrl-C, `kill` and a closed pipe end them, and what is kept from their terminal."""

import os
import select
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from types import FrameType
from typing import NoReturn

from pipeline.log import tell_error

INTERRUPTED = 130
PIPE_CLOSED = 141
SIGNALS = (signal.SIGINT, signal.SIGTERM)


def run_process(name: str, main: Callable[[], int]) -> NoReturn:
    """Runs `main` as the command of that name, which is this process, and exits with what it returns.

    Whatever `main` imports comes after this: from the first moment an interrupt is one line.
    """
    for number in SIGNALS:
        if signal.getsignal(number) != signal.SIG_IGN:  # as in a shell's background, where Ctrl-C is not meant
            signal.signal(number, _EndAtOnce(name))
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as standard error does by itself
    try:
        try:
            code = main()
        finally:
            print(end="", flush=True)  # else what cannot be written is found out when it is too late to say so
    except BrokenPipeError:
        if not _output_is_closed():
            raise
        code = PIPE_CLOSED
    sys.exit(code)


class _EndAtOnce:
    """Handles a signal while there is nothing to wind up yet.

    Raising KeyboardInterrupt is not enough while modules are imported: it comes out of their C code as another error, or not
    at all.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, _number: int, _frame: FrameType | None) -> NoReturn:
        tell_error(self.name, "interrupted before the work began; run the same command again.")
        os._exit(INTERRUPTED)


def raise_interrupts() -> None:
    """From here on Ctrl-C and `kill` raise KeyboardInterrupt in the process of a command: both end through `finally` blocks."""
    for number in SIGNALS:
        if isinstance(signal.getsignal(number), _EndAtOnce):
            signal.signal(number, signal.default_int_handler)


def _output_is_closed() -> bool:
    """Whether nobody reads standard output any more; what could not be written is dropped then."""
    output = select.poll()
    output.register(sys.stdout.fileno(), 0)  # for errors alone, and those are told in any case
    if not output.poll(0):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


@contextmanager
def stderr_without(text: str) -> Iterator[None]:
    """Keeps lines with `text` from standard error, also those of C code; all others follow at the end of the block."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            said.seek(0)
            os.write(2, b"".join(line for line in said if text.encode() not in line))
