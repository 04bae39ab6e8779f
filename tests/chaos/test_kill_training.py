"""Killed at any moment and run again, training gives the weights of an unbroken run."""

import json
import random
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests import soak
from tests.project import ROOT, SMALL, Places, environment

# What is left after the first checkpoint takes seconds, time enough to be killed in.
LONG = (*SMALL, "train.total_images=19200", "train.checkpoint_every_images=3200")
WEIGHTS = ("generator.safetensors", "discriminator.safetensors")


def start(places: Places, *options: str, settings: tuple[str, ...] = SMALL) -> subprocess.Popen[str]:
    """Starts training in a process of its own."""
    return subprocess.Popen(
        places.command("train", *options, settings=settings),
        cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip


def kill_after_two_checkpoints(process: subprocess.Popen[str]) -> None:
    """Kill -9 as soon as training has told of a second checkpoint: the first is on disk by then."""
    assert process.stdout is not None
    told = 0
    for line in process.stdout:
        told += "images/s" in line
        if told == 2:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()


def resumed_from(said: str) -> int:
    """How many images a run had seen when it went on."""
    found = re.search(r"going on from ([\d,]+) images", said)
    assert found is not None, said
    return int(found[1].replace(",", ""))


def beside(trained: Places, folder: Path) -> Places:
    """A place of its own for training, with the same embedder."""
    places = Places(folder)
    places.model.mkdir(parents=True)
    for name in ("embedder.safetensors", "embedder.json"):
        (places.model / name).write_bytes((trained.model / name).read_bytes())
    return places


def weights(places: Places) -> list[bytes]:
    return [(places.model / name).read_bytes() for name in WEIGHTS]


@pytest.mark.ci
def test_killed_after_a_checkpoint_it_goes_on_from_there_to_the_same_weights(trained: Places, tmp_path: Path) -> None:
    data = ["--data", str(trained.data)]
    unbroken, broken = beside(trained, tmp_path / "unbroken"), beside(trained, tmp_path / "broken")
    unbroken.stage("train", *data, settings=LONG)
    kill_after_two_checkpoints(start(broken, *data, settings=LONG))
    assert not (broken.model / "model.json").exists()

    said = broken.stage("train", *data, settings=LONG)
    assert resumed_from(said) >= 3_200
    assert " 3,200 of 19,200 images" not in said
    assert weights(broken) == weights(unbroken)


@pytest.mark.slow
def test_a_run_goes_on_with_fewer_and_with_more_workers(trained: Places, tmp_path: Path) -> None:
    places, data = beside(trained, tmp_path), ["--data", str(trained.data)]
    one, two = [*data, "--set", "cluster.train_workers=1"], [*data, "--set", "cluster.train_workers=2"]
    longer = (*LONG, "train.total_images=64000")  # one worker alone is quick to the end
    kill_after_two_checkpoints(start(places, *two, settings=longer))
    kill_after_two_checkpoints(start(places, *one, settings=longer))
    said = places.stage("train", *two, settings=longer)
    assert "2 worker(s)" in said
    assert resumed_from(said) >= 6_400
    (run,) = (places.root / "runs").glob("train-*/")
    history = json.loads((run / "history.json").read_text())
    assert [entry["images_seen"] for entry in history] == list(range(3_200, 64_001, 3_200))
    assert history[-1]["validation_label_accuracy"] > 0.5


@pytest.mark.parametrize(
    "number", [pytest.param(signal.SIGTERM, marks=pytest.mark.ci), pytest.param(signal.SIGINT, marks=pytest.mark.slow)]
)
def test_ended_by_a_signal_it_says_how_to_go_on(trained: Places, tmp_path: Path, number: int) -> None:
    places, settings = beside(trained, tmp_path), (*SMALL, "train.total_images=640000")
    process = subprocess.Popen(
        places.command("train", "--data", str(trained.data), settings=settings),
        cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        # Tests that run in the background are deaf to Ctrl-C, and would hand that down.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if "images/s" in line:
            break
    process.send_signal(number)
    _, said = process.communicate(timeout=120)
    assert process.returncode == 130
    assert said.splitlines()[-1] == "train: interrupted; the same command goes on from here."
    assert "SIGTERM" not in said


@pytest.mark.soak
def test_killed_at_twenty_random_moments_the_weights_are_the_same(trained: Places, tmp_path: Path) -> None:
    """Each run is killed again and again until it ends; the figures go to soak.json."""
    moments, kills, runs = random.Random(0), 0, []
    settings = (*LONG, "cluster.train_workers=1")
    data = ["--data", str(trained.data)]
    unbroken = beside(trained, tmp_path / "unbroken")
    started = time.monotonic()
    unbroken.stage("train", *data, settings=settings)
    whole = time.monotonic() - started
    while kills < 20:
        broken, moments_killed = beside(trained, tmp_path / str(len(runs))), []
        while True:
            command = broken.command("train", *data, settings=settings)
            # No pipes: Ray's processes would hold them open when the driver is long dead.
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            moment = moments.uniform(0.05, 1) * whole
            try:
                # The moment is what is random here; nothing waits for anything.
                process.wait(timeout=moment)
                break
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                moments_killed.append(round(moment, 1))
        assert process.returncode == 0
        assert weights(broken) == weights(unbroken)
        kills += len(moments_killed)
        runs.append({"killed_after_s": moments_killed, "equal": True})
    ended = time.strftime("%Y-%m-%d")
    soak.note("training", {"kills": kills, "unbroken_s": round(whole, 1), "runs": runs, "ended": ended})
