"""A Ray cluster that was there before us: `RAY_ADDRESS` names it, and the same command gives the same bytes."""

import io
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from PIL import Image

from pipeline.store.bucket import Bucket
from tests.project import ROOT, SMALL, Places, digests, environment, run, succeed
from tests.s3 import S3Server

pytestmark = pytest.mark.ci


def start_node(temporary: Path, environment_: dict[str, str], *options: str) -> subprocess.Popen[str]:
    """A Ray node on the loopback, as soon as it runs."""
    node = subprocess.Popen(
        [shutil.which("ray", path=environment()["PATH"]) or "ray", "start", "--block", "--node-ip-address=127.0.0.1",
         *options],
        env=environment(**{**environment_, "RAY_ADDRESS": ""}),
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=temporary,
    )  # fmt: skip
    assert node.stdout is not None
    said = []
    for line in node.stdout:
        said.append(line)
        if "Ray runtime started" in line:
            return node
    pytest.fail("the node did not start:\n" + "".join(said))


def end_node(node: subprocess.Popen[str]) -> None:
    """At once: an orderly end would wait half a minute for work that nobody wants any more."""
    processes = [psutil.Process(node.pid), *psutil.Process(node.pid).children(recursive=True)]
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    node.communicate()


@contextmanager
def cluster_of(cpus: int, token: Path) -> Iterator[tuple[dict[str, str], Path]]:
    """A head node with token authentication; gives the environment that leads to it, and its temporary folder."""
    token.write_text(secrets.token_hex(32))
    token.chmod(0o600)
    temporary = Path(tempfile.mkdtemp(prefix="ray", dir="/tmp"))  # sockets want a short path
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = {"RAY_ADDRESS": f"127.0.0.1:{port}", "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    options = ["--head", f"--port={port}", f"--num-cpus={cpus}", "--include-dashboard=false", f"--temp-dir={temporary}"]
    head = start_node(temporary, address, *options)
    try:
        yield address, temporary
    finally:
        end_node(head)
        shutil.rmtree(temporary, ignore_errors=True)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment that leads to a cluster of two CPUs."""
    with cluster_of(2, tmp_path_factory.mktemp("token") / "token") as (address, _):
        yield address


def test_sampling_on_a_running_cluster_gives_the_bytes_of_the_embedded_one(
    sampled: Places, cluster: dict[str, str], tmp_path: Path
) -> None:
    there = Places(tmp_path)
    said = succeed(*there.command("sample", "--model", str(sampled.model)), **cluster)
    assert "2,200 images" in said
    assert digests(there.dataset / "data") == digests(sampled.dataset / "data")


def test_doctor_names_the_cluster(cluster: dict[str, str]) -> None:
    assert f"cluster at {cluster['RAY_ADDRESS']}" in succeed("imagemint", "doctor", **cluster)


def test_a_stage_asks_for_the_nodes_that_it_needs_and_waits_for_them(sampled: Places, tmp_path: Path) -> None:
    """From none at all: the head does no work. This test does what an autoscaler would, as far as starting nodes goes."""
    there = Places(tmp_path / "there")
    command = there.command("sample", "--model", str(sampled.model), "--set", "cluster.sample_workers=2")
    with cluster_of(0, tmp_path / "token") as (address, temporary):
        done = run(*command, **address)
        assert done.returncode == 1
        assert "has no CPUs" in done.stderr
        growing = environment(**address, IMAGEMINT_AUTOSCALED="CPU")
        with subprocess.Popen(command, env=growing, cwd=ROOT, stdout=subprocess.PIPE, text=True) as driver:
            assert driver.stdout is not None
            assert any("waiting for nodes with 2 CPU(s)" in line for line in driver.stdout)
            while "2 from request_resources()" not in succeed("ray", "status", **address):
                assert driver.poll() is None
            nodes = [
                start_node(temporary, address, f"--address={address['RAY_ADDRESS']}", "--num-cpus=1") for _ in "ab"
            ]
            try:
                said = driver.stdout.read()
                assert "2 from request_resources()" not in succeed("ray", "status", **address)
            finally:
                driver.kill()
                for node in nodes:
                    end_node(node)
    assert "with 2 worker(s)" in said
    assert digests(there.dataset / "data") == digests(sampled.dataset / "data")


def test_an_unknown_kind_of_nodes_is_refused(sampled: Places, cluster: dict[str, str], tmp_path: Path) -> None:
    command = Places(tmp_path).command("sample", "--model", str(sampled.model))
    done = run(*command, IMAGEMINT_AUTOSCALED="yes", **cluster)
    assert done.returncode == 1
    assert "IMAGEMINT_AUTOSCALED=yes: use CPU or GPU" in done.stderr


@pytest.mark.parametrize("token", ["another", None])
def test_another_token_or_none_is_said(cluster: dict[str, str], tmp_path: Path, token: str | None) -> None:
    if token:
        (tmp_path / "token").write_text(token * 8)
        told = {"RAY_AUTH_TOKEN_PATH": str(tmp_path / "token")}
    else:
        told = {"RAY_AUTH_MODE": "disabled"}
    done = run("imagemint", "doctor", **{**cluster, **told})
    assert done.returncode == 1
    assert "one with another token than yours" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("cpus", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_a_cluster_of_another_size_gives_the_same_bytes(cpus: int, sampled: Places, tmp_path: Path) -> None:
    there = Places(tmp_path / "there")
    with cluster_of(cpus, tmp_path / "token") as (address, _):
        succeed(*there.command("sample", "--model", str(sampled.model)), **address)
    assert digests(there.dataset / "data") == digests(sampled.dataset / "data")


@pytest.mark.slow
def test_the_pool_grows_with_the_cluster_and_the_bytes_do_not_change(sampled: Places, tmp_path: Path) -> None:
    """One CPU at first, on which one generator works; a node that joins gets one, too."""
    settings = (*SMALL, "sample.count=1000000", "sample.formats=[webdataset]")
    there = Places(tmp_path / "there")
    with cluster_of(1, tmp_path / "token") as (address, temporary):
        command = there.command("sample", "--model", str(sampled.model), settings=settings)
        driver = subprocess.Popen(command, env=environment(**address), cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert driver.stdout is not None
        for line in driver.stdout:
            if "committed, 1 of" in line:
                break
        node = start_node(temporary, address, f"--address={address['RAY_ADDRESS']}", "--num-cpus=1")
        try:
            for _ in driver.stdout:  # a line a shard: the run is far longer than a generator takes to start
                if any(each.name().startswith("ray::MapWorker") for each in psutil.Process(node.pid).children(True)):
                    break
            else:
                pytest.fail("no generator on the node that joined")
        finally:
            driver.kill()
            driver.communicate()
            end_node(node)
    # What both made is what one process makes.
    made = digests(there.root / "runs")
    shards = {Path(name).name: content for name, content in made.items() if name.endswith(".tar")}
    assert len(shards) > 3
    expected = digests(sampled.dataset / "data")
    assert shards["train-000000.tar"] == expected["train-000000.tar"]


def test_images_in_a_store_are_ingested_on_the_nodes_as_here(s3: S3Server, bucket: Bucket, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    for number in range(160):
        content = io.BytesIO()
        Image.fromarray(random.integers(0, 256, (9, 9, 3), np.uint8)).save(content, "PNG")
        bucket.write(f"{'ab'[number % 2]}/{number}.png", content.getvalue())
    here, there = Places(tmp_path / "here"), Places(tmp_path / "there")
    settings = (f"data={{source: {{path: '{bucket}'}}, size: 8}}",)
    succeed(*here.command("ingest", settings=settings), **s3.environment)
    # Nodes have credentials of their own: these take them from this process, as the bucket does.
    with cluster_of(2, tmp_path / "token") as (address, _):
        said = succeed(*there.command("ingest", settings=settings), **s3.environment, **address)
    assert "160 images prepared" in said
    assert digests(there.data) == digests(here.data)
