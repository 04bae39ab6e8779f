"""Let Ray start its processes in a folder of any name, and refuse at once the few names that it cannot take."""

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pipeline.base.errors import UserError

SOCKET_BYTES = 107  # sun_path of unix(7), without its final zero
SOCKET = "/ray/session_2000-01-01_00-00-00_000000_{process}/sockets/plasma_store"  # the longest name that Ray gives one


def interpreter_for_workers() -> dict[str, str]:
    """Return the `runtime_env` by which workers get this interpreter; empty where its path needs no quotes in a shell.

    A worker with a `runtime_env` is started by a shell line that holds the interpreter's path unquoted
    (`ray._private.runtime_env.context`). Ray Train gives one to all of its workers. With a blank in the path the line
    fails, and Ray tries again for ever. `py_executable` goes into that line as it stands.
    """
    quoted = shlex.quote(sys.executable)
    return {} if quoted == sys.executable else {"py_executable": quoted}


@contextmanager
def posix_command_lines() -> Iterator[None]:
    """Make Ray quote command lines by the rules by which it takes them apart again.

    It quotes those of its agents and workers by `subprocess.list2cmdline` (`ray._private.services`), whose rules are those
    of Windows: a single quote stays as it is. Its raylet reads them by POSIX rules, and dies of that quote.
    """
    original = subprocess.list2cmdline
    subprocess.list2cmdline = shlex.join  # type: ignore[assignment]  # Ray hands it words alone, no bytes and no paths
    try:
        yield
    finally:
        subprocess.list2cmdline = original


def require_paths() -> None:
    """Refuse the few paths by which Ray cannot start, which it would say after some time and by a trace.

    Raises:
        UserError: a name is no text, or the temporary folder's is too long or not in ASCII.
    """
    for what, path in (("the current folder", str(Path.cwd())), ("the Python that runs this", sys.executable)):
        require_text(what, path)
    variable = "RAY_TMPDIR" if "RAY_TMPDIR" in os.environ else "TMPDIR"
    folder = os.environ.get(variable, "")
    longest = SOCKET_BYTES - len(SOCKET.format(process=os.getpid()))
    if not folder.isascii() or len(folder) > longest:
        raise UserError(
            f"{variable}: {folder!a}: Ray creates sockets there, whose paths must be short and in ASCII. Set "
            f"{variable} to a "
            f"folder with a path of at most {longest} ASCII letters, for example /tmp."
        )


def require_text(what: str, path: str) -> None:
    """Refuse a path that is not UTF-8 in the file system: it can be neither sent to workers nor written into a manifest."""
    try:
        path.encode()
    except UnicodeEncodeError:
        raise UserError(f"{what}: {path!a}: the path is not valid UTF-8. Rename it.") from None
