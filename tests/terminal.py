"""Run a command on a terminal of its own, and read what its screen shows."""

import fcntl
import os
import pty
import re
import shutil
import signal
import struct
import subprocess
import termios
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.project import ROOT, environment

_WRITTEN = re.compile(r"\x1b\[(?P<numbers>[?0-9;]*)(?P<command>[A-Za-z])|(?P<control>[\r\n])|(?P<text>[^\x1b\r\n]+)")


@dataclass(frozen=True)
class Session:
    """Hold how a command ended, and all that it wrote to its terminal."""

    code: int
    written: str

    @property
    def screen(self) -> list[str]:
        """Return the lines that stand on the screen at the end, without colours."""
        rows: list[list[str]] = [[]]
        row = column = 0
        for part in _WRITTEN.finditer(self.written):
            if part["command"] == "K":
                rows[row] = []
            elif part["command"] == "A":
                row -= int(part["numbers"] or 1)
            elif part["control"] == "\r":
                column = 0
            elif part["control"] == "\n":
                row += 1
                rows += [[]] * (row == len(rows))
            elif part["text"]:
                line = rows[row] + [" "] * (column - len(rows[row]))
                rows[row] = line[:column] + list(part["text"]) + line[column + len(part["text"]) :]
                column += len(part["text"])
        return [line for line in ("".join(row).rstrip() for row in rows) if line]


def on_terminal(
    *command: str,
    columns: int = 100,
    interrupt_at: str = "",
    by: int = signal.SIGINT,
    answers: Mapping[str, str] | None = None,
    cwd: Path = ROOT,
    **extra: str,
) -> Session:
    """Run a command to its end.

    Args:
        command: its words.
        columns: width of the terminal.
        interrupt_at: what the command writes before a signal is sent to it, where one is.
        by: that signal.
        answers: by a question of the command, what is typed once it has written that.
        cwd: where it runs.
        extra: variables of its environment.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    variables = {"TERM": "xterm-256color", **extra}
    program = shutil.which(command[0], path=environment()["PATH"]) or command[0]
    process = subprocess.Popen(
        [program, *command[1:]],
        cwd=cwd,
        env=environment(**variables),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        # As from a shell, also where these tests run in a background in which Ctrl-C is ignored.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    os.close(theirs)
    written, waiting = b"", dict(answers or {})
    try:
        while chunk := _read(ours):
            written += chunk
            if interrupt_at and interrupt_at.encode() in written:
                process.send_signal(by)
                interrupt_at = ""
            for question in [each for each in waiting if written.endswith(each.encode())]:
                os.write(ours, f"{waiting.pop(question)}\n".encode())
    finally:
        os.close(ours)
    return Session(process.wait(timeout=60), written.decode())


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # every process has closed the other end
        return b""
