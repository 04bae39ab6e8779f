"""A real S3 on the loopback for tests: infra/local/s3, started in a temporary folder on free ports."""

import random
import shlex
import shutil
import socket
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Self

from pyarrow.fs import S3FileSystem

from tests.project import ROOT, succeed

SCRIPTS = ROOT / "infra" / "local" / "s3"


def missing_programs() -> list[str]:
    """What of Ceph is not installed here; empty where a server can be started."""
    return [name for name in ("ceph-mon", "ceph-osd", "radosgw") if shutil.which(name) is None]


class S3Server:
    """A one-node Ceph with its S3 gateway, for the length of a `with` block.

    `environment`: the AWS_* variables with which clients reach it. A process must have them before its first client.
    """

    def __init__(self) -> None:
        self.environment: dict[str, str] = {}
        self._folder = Path(tempfile.mkdtemp(prefix="s3-"))
        port, mon_port = _free_ports(2)
        self._settings = {"S3_FOLDER": str(self._folder), "S3_PORT": str(port), "S3_MON_PORT": str(mon_port)}

    def __enter__(self) -> Self:
        try:
            self.restart_gateway()  # with nothing running it starts everything
        except BaseException:
            self._remove()
            raise
        words = shlex.split((self._folder / "env.sh").read_text())
        self.environment = dict(word.split("=", 1) for word in words if word != "export")
        return self

    def __exit__(self, *_: object) -> None:
        self._remove()

    def filesystem(self, **options: object) -> S3FileSystem:
        """A pyarrow filesystem of this server; `options` are those of `S3FileSystem` and win over what is set here."""
        defaults = {
            "endpoint_override": self.environment["AWS_ENDPOINT_URL"],
            "scheme": "http",
            "access_key": self.environment["AWS_ACCESS_KEY_ID"],
            "secret_key": self.environment["AWS_SECRET_ACCESS_KEY"],
            "region": self.environment["AWS_DEFAULT_REGION"],
        }
        return S3FileSystem(**{**defaults, **options})

    def make_bucket(self, name: str) -> str:
        """Makes a bucket (a name has 3 characters or more) where there is none yet; returns its URI."""
        self.filesystem(allow_bucket_creation=True).create_dir(name)
        return f"s3://{name}"

    def kill_gateway(self) -> None:
        """SIGKILL; returns when the gateway is gone."""
        succeed(str(SCRIPTS / "stop.sh"), "--kill", "gateway", **self._settings)

    def restart_gateway(self) -> None:
        """Starts what does not run; returns when the gateway answers."""
        succeed(str(SCRIPTS / "start.sh"), **self._settings)

    def _remove(self) -> None:
        succeed(str(SCRIPTS / "stop.sh"), "--kill", "--wipe", **self._settings)


def _free_ports(count: int) -> list[int]:
    """Ports of the loopback that nobody uses.

    Below those that the system gives to outgoing connections (32768 and up on Linux): one of these could otherwise sit
    on the gateway's port when it is to be started again.
    """
    free: list[int] = []
    for port in random.SystemRandom().sample(range(20000, 32000), k=1000):
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            free.append(port)
        if len(free) == count:
            return free
    raise RuntimeError("no free port between 20000 and 32000")
