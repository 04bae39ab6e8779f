"""That the local cluster refuses, before it starts anything, a path by which Ray could not start its workers."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.project import ROOT

pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("ip"), reason="up wants root and ip")


def up(checkout: Path, folder: Path) -> str:
    """What `up` says in a checkout with an environment of its own, when it must not end well."""
    shutil.copytree(ROOT / "infra" / "local", checkout / "infra" / "local")
    (checkout / ".venv" / "bin").mkdir(parents=True)
    ray = checkout / ".venv" / "bin" / "ray"
    ray.touch(mode=0o755)
    settings = {**os.environ, "CLUSTER_FOLDER": str(folder)}
    command = [str(checkout / "infra" / "local" / "up"), "2"]
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert not folder.exists()
    return done.stderr


@pytest.mark.parametrize("name", ["a b", "it's", "$HOME", "a;b"])
def test_up_refuses_a_checkout_whose_name_a_shell_takes_apart(name: str, tmp_path: Path) -> None:
    said = up(tmp_path / name, tmp_path / "cluster")
    assert said.startswith(f"{tmp_path / name}/.venv/bin/ray: Ray cannot start workers by this path: move it")
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("name", ["a b", "it's", "$HOME", "a#b"])
def test_up_refuses_such_a_folder_for_the_cluster(name: str, tmp_path: Path) -> None:
    said = up(tmp_path / "plain", tmp_path / name)
    assert said.startswith(f"{tmp_path / name}: Ray and Ceph want a folder")
    assert said.rstrip().endswith("choose another with CLUSTER_FOLDER.")
