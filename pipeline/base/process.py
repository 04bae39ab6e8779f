"""Run our commands as processes: end them on Ctrl-C, `kill` and a closed pipe, and keep noise from their terminal."""

import errno
import os
import select
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from types import FrameType
from typing import NoReturn

from pipeline.base.log import configure_logging, log_error

INTERRUPTED = 130
PIPE_CLOSED = 141
SIGNALS = (signal.SIGINT, signal.SIGTERM)
LATE_S = 1  # how long what was written last may take through a filter


def run_process(name: str, main: Callable[[], int]) -> NoReturn:
    """Run `main` as the command of that name, which is this process, and exit with what it returns.

    Whatever `main` imports comes after this: from the first moment an interrupt is one line.
    """
    configure_logging()
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
    except OSError as error:
        if error.errno != errno.ENOSPC or error.filename is not None:
            raise
        log_error(name, "standard output cannot be written: its disk is full.")
        os._exit(1)  # an orderly end would try to write it once more
    sys.exit(code)


class _EndAtOnce:
    """Handle a signal while there is nothing to wind up yet.

    Raising KeyboardInterrupt is not enough while modules are imported: it comes out of their C code as another error, or not
    at all.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, _number: int, _frame: FrameType | None) -> NoReturn:
        log_error(self.name, "interrupted before the work began; run the same command again.")
        os._exit(INTERRUPTED)


def raise_interrupts() -> None:
    """Make Ctrl-C and `kill` raise KeyboardInterrupt in the process of a command: both then end through `finally` blocks."""
    for number in SIGNALS:
        if isinstance(signal.getsignal(number), _EndAtOnce):
            signal.signal(number, signal.default_int_handler)


def _output_is_closed() -> bool:
    """Return whether nobody reads standard output any more; what could not be written is dropped then."""
    output = select.poll()
    output.register(sys.stdout.fileno(), 0)  # for errors alone, and those are told in any case
    if not output.poll(0):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


@contextmanager
def stderr_without(text: str) -> Iterator[None]:
    """Keep lines with `text` from standard error within the block, also those of C code and of processes started there.

    All others pass at once. The filter is a process of its own: what is said right before this one aborts passes, too.
    """
    grep = shutil.which("grep")
    if grep is None or sys.stderr is None:  # nothing to filter with, or standard error is closed
        yield
        return
    sys.stderr.flush()
    terminal = os.dup(2)
    command = [grep, "--line-buffered", "--text", "--invert-match", "--fixed-strings", "--regexp", text]
    # In a session of its own, so that Ctrl-C does not end it before us.
    filtering = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=terminal, start_new_session=True)
    assert filtering.stdin is not None
    os.dup2(filtering.stdin.fileno(), 2)
    filtering.stdin.close()
    try:
        yield
    finally:
        sys.stderr.flush()
        os.dup2(terminal, 2)
        os.close(terminal)
        with suppress(subprocess.TimeoutExpired):  # a process that was started in the block may go on writing
            filtering.wait(timeout=LATE_S)
