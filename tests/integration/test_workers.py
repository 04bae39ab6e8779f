"""Training as it is placed: two workers, images read in blocks, and a run that a diagnostic ends."""

import json
from pathlib import Path

import pytest

from tests.project import SMALL, Places, run


def beside(trained: Places, folder: Path) -> Places:
    """A place of its own for training, with the same embedder."""
    places = Places(folder)
    places.model.mkdir()
    for name in ("embedder.safetensors", "embedder.json"):
        (places.model / name).write_bytes((trained.model / name).read_bytes())
    return places


@pytest.mark.slow
def test_two_workers_train_the_same_config(trained: Places, tmp_path: Path) -> None:
    two, data = beside(trained, tmp_path), ["--data", str(trained.data)]
    # The trainer compares the workers' weights at every checkpoint and fails when they differ in one bit.
    said = two.stage("train", *data, "--set", "cluster.train_workers=2")
    assert "2 worker(s)" in said
    description = json.loads((two.model / "model.json").read_text())
    assert description["workers"] == 2
    assert description["metrics"]["validation_label_accuracy"] > 0.5
    assert (two.model / "samples" / "images-000012800.png").is_file()
    two.stage("sample", *data, "--set", "sample.count=500")
    assert (two.dataset / "manifest.json").is_file()


@pytest.mark.slow
def test_images_read_in_blocks_give_the_same_weights(trained: Places, tmp_path: Path) -> None:
    streamed = beside(trained, tmp_path)
    streamed.stage(
        "train", "--data", str(trained.data), "--set", "train.data=streamed", "--set", "train.tensorboard=true"
    )
    for name in ("generator.safetensors", "discriminator.safetensors"):
        assert (streamed.model / name).read_bytes() == (trained.model / name).read_bytes()
    assert list((streamed.root / "runs").glob("train-*/tensorboard/events.*"))


@pytest.mark.slow
def test_a_run_that_a_diagnostic_stops_ends_with_the_reason_and_no_model(trained: Places, tmp_path: Path) -> None:
    broken = beside(trained, tmp_path)
    settings = (
        *SMALL, "train.total_images=6400", "train.checkpoint_every_images=1600", "train.learning_rate=1",
        "train.diagnostics={collapse: stop, oscillation: stop, overpowering: stop}",
    )  # fmt: skip
    done = run(*broken.command("train", "--data", str(trained.data), settings=settings))
    assert done.returncode == 1
    assert "Training was stopped after " in done.stderr
    assert "train.diagnostics" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (broken.model / "model.json").exists()
    # The same command comes to the same stop: what went wrong is not trained on.
    again = run(*broken.command("train", "--data", str(trained.data), settings=settings))
    assert again.stderr.splitlines()[-1] == done.stderr.splitlines()[-1]
