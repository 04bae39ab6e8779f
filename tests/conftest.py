"""The small digits pipeline, walked once for all tests that look at what it makes, a small disk, and an S3."""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.store.bucket import Bucket
from tests.cluster import LocalCluster, why_not
from tests.project import ROOT, Places
from tests.s3 import S3Server, missing_programs

# What is made on the way, and out of what.
STAGES = {
    "trained": ("", ("ingest", "embed", "train")),
    "sampled": ("trained", ("evaluate", "sample")),
    "audited": ("sampled", ("audit", "accept")),
}


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """Ingested, embedded and trained."""
    return copy_of("trained", tmp_path_factory)


@pytest.fixture(scope="session")
def sampled(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """Also evaluated and sampled, not audited yet."""
    return copy_of("sampled", tmp_path_factory)


@pytest.fixture(scope="session")
def audited(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """Also audited and accepted."""
    return copy_of("audited", tmp_path_factory)


def copy_of(name: str, factory: pytest.TempPathFactory) -> Places:
    """For each process that runs tests a copy of its own; made is what `name` stands for once."""
    base = factory.getbasetemp()
    made = made_once(name, base.parent if "PYTEST_XDIST_WORKER" in os.environ else base)
    copy = Places(factory.mktemp(name) / "copy")
    shutil.copytree(made.folder, copy.folder)
    return copy


def made_once(name: str, shared: Path) -> Places:
    """The first process that wants it makes it, others wait for that."""
    before, stages = STAGES[name]
    places, done = Places(shared / f"made-{name}"), shared / f"made-{name}.done"
    with (shared / f"made-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            shutil.rmtree(places.folder, ignore_errors=True)
            if before:
                shutil.copytree(made_once(before, shared).folder, places.folder)
            for stage in stages:
                places.stage(stage)
            done.touch()
    return places


@pytest.fixture
def copied(audited: Places, tmp_path: Path) -> Places:
    """A copy of everything audited, to damage."""
    shutil.copytree(audited.folder, tmp_path / "copy")
    return Places(tmp_path / "copy")


@pytest.fixture
def run_on_tmpfs(tmp_path: Path) -> Callable[[str, str], Any]:
    """Runs Python source with `disk`, an empty disk of the given size, and returns the JSON that it prints.

    The disk is mounted in a namespace of its own, which needs no root and leaves nothing behind; where the machine
    allows none, the test is skipped.
    """
    disk = tmp_path / "disk"
    disk.mkdir()
    namespace = ["unshare", "--user", "--map-root-user", "--mount"]
    mount = 'mount -t tmpfs -o "size=$1" tmpfs "$2"'
    try:
        subprocess.run([*namespace, "sh", "-c", mount, "sh", "64k", str(disk)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("this machine allows no mount namespace")

    def run(size: str, source: str) -> Any:
        program = f"import json\nfrom pathlib import Path\ndisk = Path({str(disk)!r})\n{source}"
        shell = f'{mount} && exec "$3" -c "$4"'
        command = [*namespace, "sh", "-c", shell, "sh", size, str(disk), sys.executable, program]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="session")
def s3() -> Iterator[S3Server]:
    """A real S3 on the loopback, one for all tests: each makes a bucket of its own."""
    missing = missing_programs()
    if missing:
        pytest.skip(f"{', '.join(missing)} not installed: infra/local/s3/README.md says how")
    with S3Server() as server:
        yield server


@pytest.fixture
def bucket(s3: S3Server, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Bucket:
    """A bucket of its own, which this process can reach, too."""
    for name, value in s3.environment.items():
        monkeypatch.setenv(name, value)
    name = re.sub("[^a-z]+", "-", request.node.name.lower())[:50].strip("-")
    return Bucket(s3.make_bucket(name)) / "below"


@pytest.fixture(scope="session")
def cluster() -> Iterator[LocalCluster]:
    """A head and two working nodes, each in a network of its own, and where Ceph is installed a store that they reach."""
    if why_not():
        pytest.skip(why_not())
    with LocalCluster(3, *(() if missing_programs() else ("--s3",))) as cluster:
        yield cluster
