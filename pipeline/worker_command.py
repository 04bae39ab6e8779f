"""Lets Ray start its processes in a folder of any name, and refuses at once the few names that it cannot take."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from pipeline.errors import UserError


def interpreter_for_workers() -> dict[str, str]:
    """Return the `runtime_env` by which workers get this interpreter; empty where its path is one plain word to a shell.

    A worker with a `runtime_env`, which Ray Train gives to all of its own, is started by a shell line that holds the
    interpreter's path unquoted (`ray._private.runtime_env.context`). With a blank in it the line fails, and Ray tries
    again for ever. `py_executable` goes into that line as it stands.
    """
    quoted = shlex.quote(sys.executable)
    return {} if quoted == sys.executable else {"py_executable": quoted}


@contextmanager
def posix_command_lines() -> Iterator[None]:
    """Have Ray quote command lines by the rules by which it takes them apart again.

    It quotes those of its agents and workers by `subprocess.list2cmdline` (`ray._private.services`), whose rules are those
    of Windows: a single quote stays as it is. Its raylet reads them by POSIX rules, and dies of that quote.
    """
    of_windows = subprocess.list2cmdline
    subprocess.list2cmdline = shlex.join  # type: ignore[assignment]  # Ray hands it words alone, no bytes and no paths
    try:
        yield
    finally:
        subprocess.list2cmdline = of_windows


def require_temporary_folder() -> None:
    """Refuse a temporary folder in which Ray cannot make its sockets, whose names it wants in ASCII.

    Raises:
        UserError: the folder's name has other letters.
    """
    variable = "RAY_TMPDIR" if "RAY_TMPDIR" in os.environ else "TMPDIR"
    folder = os.environ.get(variable, "")
    if not folder.isascii():
        raise UserError(
            f"{variable}: {folder!a}: Ray takes ASCII letters alone in the name of its temporary folder; set {variable} to another "
            "folder, for example /tmp."
        )
