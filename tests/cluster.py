"""A Ray cluster of several nodes on this machine for tests: infra/local/up, each node in a network of its own."""

import os
import shutil
import subprocess
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

from tests.project import ROOT, environment, run, succeed

SCRIPTS = ROOT / "infra" / "local"


def why_not() -> str:
    """Why no cluster can be started here; empty where it can."""
    if os.geteuid() != 0:
        return "network namespaces are made by root"
    if not shutil.which("ip"):
        return "ip is not installed (Debian: iproute2)"
    made = subprocess.run(
        ["unshare", "--net", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"], check=False, capture_output=True
    )
    return "" if made.returncode == 0 else "this machine allows no network or mount namespace"


class LocalCluster:
    """A head that does no work and `nodes - 1` nodes of one CPU each, for the length of a `with` block."""

    def __init__(self, nodes: int, *options: str) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="cl", dir="/tmp"))  # sockets want a short path
        self._up = (str(SCRIPTS / "up"), str(nodes), *options)
        self.settings = {"CLUSTER_FOLDER": str(self._folder)}

    def __enter__(self) -> Self:
        try:
            self.bring_up()
        except BaseException:
            self._remove()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()

    def bring_up(self) -> None:
        """Starts the nodes that do not run."""
        succeed(*self._up, **self.settings)

    def take_down(self, node: int | str) -> None:
        """Ends a node as a machine that loses its power."""
        succeed(str(SCRIPTS / "down"), str(node), **self.settings)

    def cut_off(self, node: int) -> None:
        """Takes a node off the network; what runs on it goes on."""
        self._link(node, "down")

    def plug_in(self, node: int) -> None:
        """The counterpart of `cut_off`."""
        self._link(node, "up")

    def processes(self, node: int) -> list[int]:
        """Ids of the processes of a node."""
        return [int(pid) for pid in self._shell(f'ip netns pids "$(space {node})"').split()]

    def named(self, node: int, beginning: str) -> list[int]:
        """Ids of the processes of a node whose names begin like this; names are cut to 15 characters."""
        found = []
        for pid in self.processes(node):
            with suppress(FileNotFoundError, ProcessLookupError):  # one that has ended by now
                if Path(f"/proc/{pid}/comm").read_text().startswith(beginning):
                    found.append(pid)
        return found

    def address(self, node: int) -> str:
        """Its address in the cluster's network."""
        return self._shell(f'echo "$subnet.{node}"').strip()

    def _link(self, node: int, state: str) -> None:
        self._shell(f'ip -n "$(space switch)" link set to-{node} {state}')

    def _shell(self, command: str) -> str:
        """Runs a command that uses the functions of the scripts."""
        return succeed("bash", "-c", f'. "{SCRIPTS}/cluster.sh" && {command}', **self.settings)

    def inside(self, *command: str) -> list[str]:
        """A command line that runs another on the head."""
        return [str(SCRIPTS / "enter"), *command]

    def environment(self) -> dict[str, str]:
        """For a process that is started otherwise than by `run` and `succeed`."""
        return environment(**self.settings)

    def succeed(self, *command: str, timeout_s: float = 300, cwd: Path = ROOT, **extra: str) -> str:
        """Runs a command on the head that must end well; returns its standard output."""
        return succeed(*self.inside(*command), timeout_s=timeout_s, cwd=cwd, **self.settings, **extra)

    def make_bucket(self, name: str) -> str:
        """Makes a bucket in the store that `--s3` brings; returns its URI."""
        make = f"from pyarrow.fs import FileSystem as F; F.from_uri('s3://{name}?allow_bucket_creation=true')[0].create_dir('{name}')"
        self.succeed("python", "-c", make)
        return f"s3://{name}"

    def fail(self, *command: str, timeout_s: float = 300, cwd: Path = ROOT, **extra: str) -> str:
        """Runs a command on the head that must not end well; returns what it said."""
        done = run(*self.inside(*command), timeout_s=timeout_s, cwd=cwd, **self.settings, **extra)
        assert done.returncode != 0, done.stdout
        return done.stdout + done.stderr

    def _remove(self) -> None:
        succeed(str(SCRIPTS / "down"), **self.settings)
