"""A Ray cluster that was there before us: `RAY_ADDRESS` names it, and the same command gives the same bytes."""

import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.project import Places, digests, environment, succeed


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A head node on the loopback with token authentication; gives the environment that leads to it."""
    token = tmp_path_factory.mktemp("token") / "token"
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    temporary = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # sockets want a short path
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = {"RAY_ADDRESS": f"127.0.0.1:{port}", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    head = subprocess.Popen(
        [shutil.which("ray", path=environment()["PATH"]) or "ray", "start", "--head", "--block", f"--port={port}",
         "--node-ip-address=127.0.0.1", "--num-cpus=2", "--include-dashboard=false", f"--temp-dir={temporary}"],
        env=environment(**{**address, "RAY_ADDRESS": ""}),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert head.stdout is not None
    said = []
    for line in head.stdout:
        said.append(line)
        if "Ray runtime started" in line:
            break
    else:
        pytest.fail("the head node did not start:\n" + "".join(said))
    yield address
    head.terminate()  # it ends the processes that it started
    head.wait(timeout=60)
    shutil.rmtree(temporary, ignore_errors=True)


def test_sampling_on_a_running_cluster_gives_the_bytes_of_the_embedded_one(
    sampled: Places, cluster: dict[str, str], tmp_path: Path
) -> None:
    there = Places(tmp_path)
    said = succeed(*there.command("sample", "--model", str(sampled.model)), **cluster)
    assert "2,200 images" in said
    assert digests(there.dataset / "data") == digests(sampled.dataset / "data")


def test_doctor_names_the_cluster(cluster: dict[str, str]) -> None:
    assert f"cluster at {cluster['RAY_ADDRESS']}" in succeed("imagemint", "doctor", **cluster)
