"""Killed between two checkpoints and run again, training gives the weights of an unbroken run."""

import signal
import subprocess
from pathlib import Path

from tests.project import ROOT, Places, environment


def test_killed_after_a_checkpoint_it_goes_on_from_there_to_the_same_weights(trained: Places, tmp_path: Path) -> None:
    broken = Places(tmp_path)
    options = ["--data", str(trained.data)]
    broken.model.mkdir(parents=True)
    for name in ("embedder.safetensors", "embedder.json"):
        (broken.model / name).write_bytes((trained.model / name).read_bytes())
    process = subprocess.Popen(
        broken.command("train", *options),
        cwd=ROOT, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    for line in process.stdout:
        if "6,400 of 12,800 images" in line:
            break
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (broken.model / "model.json").exists()

    said = broken.stage("train", *options)
    assert "6,400 of 12,800 images" not in said
    for name in ("generator.safetensors", "discriminator.safetensors"):
        assert (broken.model / name).read_bytes() == (trained.model / name).read_bytes()
