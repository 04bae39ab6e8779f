"""The small digits pipeline, walked once for all tests that look at what it makes, a small disk, and an S3."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.project import ROOT, Places
from tests.s3 import S3Server, missing_programs


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Places:
    """Ingested, embedded and trained."""
    places = Places(tmp_path_factory.mktemp("trained"))
    for stage in ("ingest", "embed", "train"):
        places.stage(stage)
    return places


@pytest.fixture(scope="session")
def sampled(trained: Places) -> Places:
    """Also evaluated and sampled, not audited yet."""
    trained.stage("evaluate", "--out", str(trained.dataset / "metrics"))
    trained.stage("sample")
    return trained


@pytest.fixture(scope="session")
def audited(sampled: Places, tmp_path_factory: pytest.TempPathFactory) -> Places:
    """A copy of the dataset, audited and accepted; the one of `sampled` stays as it was."""
    places = Places(tmp_path_factory.mktemp("audited"))
    for name in ("data", "model", "dataset"):
        shutil.copytree(sampled.folder / name, places.folder / name)
    for stage in ("audit", "accept"):
        places.stage(stage)
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
