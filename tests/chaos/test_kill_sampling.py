"""Whatever of it is killed at a random moment, sampling that is run again gives what an unbroken run gives."""

import random
import re
import signal
import subprocess
import time
from pathlib import Path

import psutil
import pytest

from pipeline.sampling.manifest import read_manifest
from tests import soak
from tests.project import ROOT, Places, digests, environment

VICTIMS = {"driver": "", "actor": "ray::MapWorker", "writer": "ray::MapBatches", "raylet": "raylet"}
MANY = "sample.count=15000"


def start(places: Places, *options: str) -> subprocess.Popen[str]:
    """Starts sampling in a process of its own."""
    return subprocess.Popen(
        places.command("sample", *options),
        cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip


def wait_for_shards(process: subprocess.Popen[str], shards: int) -> None:
    """Returns as soon as the driver has reported so many shards, or has ended."""
    assert process.stdout is not None
    for line in process.stdout:
        if re.search(rf"committed, {shards} of", line):
            break


def kill(process: subprocess.Popen[str], victim: str) -> bool:
    """Kill -9 of the driver, or of one of the processes of that kind that it has started; whether there was one."""
    if victim == "driver":
        process.kill()
        return True
    try:
        below = psutil.Process(process.pid).children(recursive=True)
        found = [each for each in below if VICTIMS[victim] in " ".join([each.name(), *each.cmdline()[:1]])]
        found[0].send_signal(signal.SIGKILL)
    except (psutil.NoSuchProcess, IndexError):
        return False
    return True


def ended(process: subprocess.Popen[str]) -> int:
    """The exit code, once the driver has ended by itself or by what was killed."""
    process.communicate()
    return process.returncode


@pytest.fixture(scope="module")
def unbroken(sampled: Places, tmp_path_factory: pytest.TempPathFactory) -> Places:
    """A run of so many shards that most are still to be made when the first one is reported."""
    places = Places(tmp_path_factory.mktemp("unbroken"))
    places.stage("sample", "--model", str(sampled.model), "--set", MANY)
    return places


@pytest.mark.parametrize(
    "victim", ["driver", *(pytest.param(each, marks=pytest.mark.ci) for each in ("actor", "raylet"))]
)
def test_killed_midway_it_makes_only_what_is_missing(
    victim: str, sampled: Places, unbroken: Places, tmp_path: Path
) -> None:
    broken = Places(tmp_path)
    options = ["--model", str(sampled.model), "--set", MANY]
    process = start(broken, *options)
    wait_for_shards(process, 1)
    assert kill(process, victim)
    if ended(process) != 0:
        assert not (broken.dataset / "manifest.json").exists()
        said = broken.stage("sample", *options)
        left = re.search(r"(\d+) of 30 shards to generate", said)
        assert left is None or int(left.group(1)) < 30
    assert digests(broken.dataset / "data") == digests(unbroken.dataset / "data")
    assert read_manifest(broken.dataset).dataset_id == read_manifest(unbroken.dataset).dataset_id


@pytest.mark.ci
def test_what_is_lost_while_the_run_goes_on_is_never_published_as_a_hole(
    sampled: Places, unbroken: Places, tmp_path: Path
) -> None:
    broken = Places(tmp_path)
    options = ["--model", str(sampled.model), "--set", MANY]
    process = start(broken, *options)
    wait_for_shards(process, 1)
    for commit in broken.root.glob("runs/sample-*/commits/*.json"):
        commit.unlink()
    assert ended(process) == 1
    assert not (broken.dataset / "manifest.json").exists()
    broken.stage("sample", *options)
    assert digests(broken.dataset / "data") == digests(unbroken.dataset / "data")


@pytest.mark.soak
def test_killed_at_random_moments_the_bytes_are_the_same(sampled: Places, tmp_path: Path) -> None:
    """Fifty runs, each with one process of a random kind killed at a random moment, by one worker or by two."""
    moments, told = random.Random(0), []
    expected = digests(sampled.dataset / "data")
    for attempt in range(50):
        places = Places(tmp_path / str(attempt))
        victim, workers = moments.choice([*VICTIMS]), moments.choice([1, 2])
        options = ["--model", str(sampled.model), "--set", f"cluster.sample_workers={workers}"]
        moment = moments.uniform(1, 16)
        process = start(places, *options)
        time.sleep(moment)  # the moment is what is random here; nothing waits for anything
        hit = kill(process, victim) if process.poll() is None else False
        code = ended(process)
        if code != 0:
            places.stage("sample", *options)
        assert digests(places.dataset / "data") == expected, f"attempt {attempt}: {victim} after {moment:.1f} s"
        told.append(
            {
                "victim": victim,
                "workers": workers,
                "after_s": round(moment, 1),
                "hit": hit,
                "went_on": code == 0,
                "equal": True,
            }
        )
        print(told[-1], flush=True)
    soak.note("sampling", {"kills": len(told), "runs": told})
