"""A job that fails, one whose worker dies and one that is stopped end badly, and leave nothing that looks finished."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from tests.checkout import git, small_checkout
from tests.image_names import ending_a_part
from tests.project import environment, run

pytestmark = pytest.mark.ci

WAITS = "\n\nimport time\n\nPreparation.__call__ = lambda *_: time.sleep(600)\n"
DIES = "\n\nimport os\nimport signal\n\nPreparation.__call__ = lambda *_: os.kill(os.getpid(), signal.SIGKILL)\n"


def fails(checkout: Path) -> None:
    for path in (checkout / "photos" / "cat").glob("*.png"):
        path.write_bytes(b"no image")


def dies(checkout: Path) -> None:
    with (checkout / "pipeline" / "data" / "prepare.py").open("a") as file:
        file.write(DIES)


def is_stopped(checkout: Path) -> None:
    with (checkout / "pipeline" / "data" / "prepare.py").open("a") as file:
        file.write(WAITS)


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (fails, "images cannot be used"),
        (dies, "The system ended workers"),
        (is_stopped, "interrupted"),
    ],
)
def test_nothing_of_a_job_that_ends_badly_counts_as_made(
    fault: Callable[[Path], None], said: str, tmp_path: Path
) -> None:
    """ray#38390."""
    checkout, root = small_checkout(tmp_path / "checkout"), tmp_path / "root"
    random = np.random.default_rng(0)
    names = [f"{('cat', 'dog')[number % 2]}/{number}.png" for number in range(140)]
    for name in (*names, ending_a_part("cat/z.png")):  # two parts, for workers
        path = checkout / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 256, (8, 8, 3), np.uint8)).save(path)
    (checkout / "conf" / "photos.yaml").write_text(
        yaml.safe_dump({"name": "photos", "data": {"source": {"path": str(checkout / "photos")}, "size": 8}})
    )
    git(checkout, "add", "--all")
    fault(checkout)
    job = subprocess.Popen(
        [sys.executable, "-m", "stages.job", "ingest", "--preset", "photos", "--root", str(root)],
        cwd=checkout, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    )  # fmt: skip
    assert job.stdout is not None
    lines = []
    for line in job.stdout:
        lines.append(line)
        if fault is is_stopped and line.startswith("ingest: "):
            os.killpg(job.pid, signal.SIGTERM)  # as `ray job stop` does
    assert job.wait(timeout=60) != 0
    assert said in "".join(lines), "".join(lines)
    assert not list(root.rglob("dataset.json"))
    fetched = run("imagemint", "fetch", "--preset", "photos", "--root", str(root), cwd=checkout)
    if fault is is_stopped:
        assert "No job has stored outputs of the preset photos" in fetched.stderr
        assert not (checkout / "dvc.lock").exists()
    else:
        assert fetched.returncode == 0, fetched.stderr
        assert yaml.safe_load((checkout / "dvc.lock").read_text())["stages"].keys() == {"source"}
    assert not (checkout / "data" / "photos" / "dataset.json").exists()
