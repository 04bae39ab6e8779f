"""Killed at a random moment and run again, sampling gives what an unbroken run gives."""

import random
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from pipeline.sampling.manifest import read_manifest
from tests.project import ROOT, Places, digests, environment


def start(places: Places, *options: str) -> subprocess.Popen[str]:
    """Starts sampling in a process of its own."""
    return subprocess.Popen(
        places.command("sample", *options),
        cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip


def kill_after_shards(process: subprocess.Popen[str], shards: int) -> None:
    """Kill -9 as soon as the driver has reported so many shards."""
    assert process.stdout is not None
    for line in process.stdout:
        if re.search(rf"committed, {shards} of", line):
            break
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_killed_midway_it_makes_only_what_is_missing(sampled: Places, tmp_path: Path) -> None:
    broken = Places(tmp_path)
    options = ["--model", str(sampled.model)]
    kill_after_shards(start(broken, *options), 2)
    assert not (broken.dataset / "manifest.json").exists()
    said = broken.stage("sample", *options)
    left = re.search(r"(\d) of 5 shards to make", said)
    assert left is None or int(left.group(1)) <= 3
    assert digests(broken.dataset / "data") == digests(sampled.dataset / "data")
    assert read_manifest(broken.dataset)["dataset_id"] == read_manifest(sampled.dataset)["dataset_id"]


@pytest.mark.soak
def test_killed_at_random_moments_the_bytes_are_the_same(sampled: Places, tmp_path: Path) -> None:
    moments = random.Random(0)
    for attempt in range(20):
        folder = tmp_path / str(attempt)
        process = start(Places(folder), "--model", str(sampled.model))
        time.sleep(moments.uniform(0.5, 14))  # the moment is what is random here; nothing waits for anything
        process.send_signal(signal.SIGKILL)
        process.wait()
        broken = Places(folder)
        broken.stage("sample", "--model", str(sampled.model))
        assert digests(broken.dataset / "data") == digests(sampled.dataset / "data")
        shutil.rmtree(folder)
