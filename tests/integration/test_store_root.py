"""All of a stage's working state in a real S3: results as with a folder, and a killed training goes on from there."""

import json
import signal
import subprocess
from pathlib import Path

import pytest

from pipeline.runs.lease import LEASE
from pipeline.store.bucket import Bucket
from tests.chaos.test_kill_training import LONG, beside, resumed_from, weights
from tests.project import ROOT, Places, digests, environment


def below(bucket: Bucket) -> tuple[str, str]:
    return "--set", f"root={bucket}"


@pytest.mark.ci
def test_every_stage_makes_there_what_it_makes_in_a_folder(bucket: Bucket, audited: Places, tmp_path: Path) -> None:
    """From `ingest` to `accept`; a second time everything that takes long is found finished."""
    there = Places(tmp_path)
    for stage in ("ingest", "embed", "train", "evaluate", "sample", "audit", "accept"):
        there.stage(stage, *below(bucket))
    assert digests(there.data) == digests(audited.data)
    assert digests(there.model / "samples").keys() == digests(audited.model / "samples").keys()
    assert weights(there) == weights(audited)
    ours, theirs = (
        {name: json.loads((places.dataset / "metrics" / f"{name}.json").read_text()) for name in ("evaluate", "audit")}
        for places in (there, audited)
    )
    assert ours == theirs
    assert not [name for name in bucket.entries("runs") if name.endswith((LEASE, ".tmp"))]

    again = Places(tmp_path / "again")
    said = "".join(
        again.stage(stage, "--data", str(there.data), *below(bucket)) for stage in ("embed", "train", "sample")
    )
    assert "loss" not in said
    assert "images/s" not in said
    assert weights(again) == weights(there)


@pytest.mark.slow
def test_killed_training_goes_on_from_its_checkpoint_there(bucket: Bucket, trained: Places, tmp_path: Path) -> None:
    data = ["--data", str(trained.data)]
    unbroken, broken = beside(trained, tmp_path / "unbroken"), beside(trained, tmp_path / "broken")
    unbroken.stage("train", *data, settings=LONG)
    process = subprocess.Popen(
        broken.command("train", *data, *below(bucket), settings=LONG),
        cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if "images/s" in line and checkpoints(bucket):
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoints(bucket)
    # As if the minute were over after which the dead process's lease counts no more.
    bucket.remove([name for name in bucket.entries("runs") if name.endswith(LEASE)])
    said = broken.stage("train", *data, *below(bucket), settings=LONG)
    assert resumed_from(said) >= 3_200
    assert weights(broken) == weights(unbroken)
    assert len(checkpoints(bucket)) == 2  # as in a folder: the newest, and the one before it


def checkpoints(bucket: Bucket) -> list[str]:
    return [name for name in bucket.entries("runs") if "/checkpoints/" in name]
