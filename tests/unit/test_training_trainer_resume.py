"""A run that was interrupted ends as if it had not been."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline.training.batches import ResidentImages, StreamedImages
from pipeline.training.block_shuffle import BlockShuffleSampler
from pipeline.training.trainer import Trainer
from tests.unit.tiny import SPEC
from tests.unit.training_cases import (
    ARCHITECTURES,
    BATCH_NORM,
    NO_PENALTY,
    RECIPE,
    assert_equal_bits,
    assert_equal_states,
    finished,
    go_on,
    images_for,
    interrupt,
    networks,
    nothing,
    trainer,
)

pytestmark = pytest.mark.usefixtures("one_thread")

SHORT = {"total_images": 48, "checkpoint_every_images": 24, "x_flip": True}


def assert_a_restart_changes_nothing(folder: Path, *args: Any, **changes: Any) -> Trainer:
    whole = finished(*args, **changes)
    interrupt(trainer(*args, **changes), 1, folder)
    again = go_on(trainer(*args, **changes), folder)
    assert len(whole.history) == 2
    assert_equal_states(whole.state(), again.state())
    start = networks(trainer(*args, **changes))
    moved = {name.partition(".")[0] for name, tensor in networks(again).items() if not torch.equal(start[name], tensor)}
    assert moved == {"G", "D", "average"}
    return again


@pytest.mark.parametrize("augmentation", ["none", "diffaugment", "ada"])
@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_restart_half_way_changes_no_bit(tmp_path: Path, name: str, augmentation: str) -> None:
    spec = ARCHITECTURES[name]
    penalty = NO_PENALTY if spec.discriminator_norm == "batch" else {}
    # However unsure a discriminator this young is, it is surer than that: there is something to keep.
    ended = assert_a_restart_changes_nothing(
        tmp_path, spec, augmentation=augmentation, ada_target=-2.0, **SHORT, **penalty
    )
    if augmentation == "ada":
        assert (ended.history[0].augmentation or 0) > 0


@pytest.mark.parametrize(
    "changes",
    [
        {"precision": "bf16"},
        {"loss": "wgan_gp", "r1": 0.0, "r2": 0.0, "gp": 10.0},
        {"accumulation": 2, "schedule": "linear"},
        {"learning_rate": 1e20, "final_learning_rate": 1e20, "warmup_images": 0},  # with steps that are skipped
    ],
    ids=["bf16", "gp", "accumulation", "non-finite"],
)
def test_nor_does_it_under_other_recipes(tmp_path: Path, changes: dict[str, Any]) -> None:
    whole = finished(**SHORT | changes)
    assert (whole.history[0].skipped > 0) == (changes.get("learning_rate") == 1e20)
    interrupt(trainer(**SHORT | changes), 1, tmp_path)
    assert_equal_states(whole.state(), go_on(trainer(**SHORT | changes), tmp_path).state())


class Shelf:
    """The images of a run on disk, as far as it can tell."""

    def __init__(self, images: ResidentImages) -> None:
        self.images = images

    def load(self, block: int) -> tuple[Tensor, Tensor]:
        rows = slice(block * self.images.order.block, (block + 1) * self.images.order.block)
        return self.images.images[rows], self.images.labels[rows]


def test_streamed_images_train_to_the_same_bits_with_and_without_a_restart(tmp_path: Path) -> None:
    def run(streamed: bool) -> Trainer:
        images = images_for(RECIPE)
        order = BlockShuffleSampler(20, RECIPE.seed, block=3, window=4)
        shelf = StreamedImages(Shelf(images), order, SPEC.resolution, torch.device("cpu"))
        return trainer(images=shelf if streamed else images, **SHORT)

    whole = run(streamed=False)
    whole.run(nothing)
    interrupt(run(streamed=True), 1, tmp_path)
    assert_equal_states(whole.state(), go_on(run(streamed=True), tmp_path).state())


def test_a_checkpoint_is_a_copy_and_training_goes_on_without_it() -> None:
    run, kept = trainer(augmentation="ada", ada_target=-0.9), []
    run.run(lambda t, _: kept.append((t.state(), t.state())))
    first, same = kept[0]
    assert_equal_states(first, same)
    again = trainer(augmentation="ada", ada_target=-0.9)
    again.restore(first)
    again.run(nothing)
    assert_equal_states(first, same)  # going on from it did not change it either
    assert_equal_bits(networks(again), networks(run))


def test_kept_between_two_checkpoints_it_goes_on_from_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a machine is about to be taken away: figures, too, are those of the whole interval."""
    monkeypatch.setattr("pipeline.training.trainer.INTERVAL_STEPS", 2)
    kept: dict[int, dict[str, Any]] = {}

    def keep(run: Trainer) -> None:
        run.settle()
        kept[run.gan.images_seen] = run.state()

    whole = trainer(augmentation="ada", ada_target=-0.9, **SHORT)
    whole.run(nothing, keep)
    assert list(kept) == [16, 32]  # with batches of 8; 48 is a checkpoint
    for state in kept.values():
        again = trainer(augmentation="ada", ada_target=-0.9, **SHORT)
        again.restore(state)
        again.run(nothing)
        assert_equal_states(again.state(), whole.state())


def test_a_finished_run_that_is_restored_trains_no_further() -> None:
    done, again = finished(), trainer()
    before = networks(done)
    again.restore(done.state())
    again.run(lambda *_: pytest.fail("a checkpoint of a run that is over"))
    assert_equal_bits(networks(again), before)


def test_the_recipe_s_seed_alone_decides() -> None:
    torch.manual_seed(1)
    first = networks(finished(total_images=16))
    torch.manual_seed(2)
    assert_equal_bits(first, networks(finished(total_images=16)))
    other = networks(finished(total_images=16, seed=1))
    assert not torch.equal(other["G.last.weight"], first["G.last.weight"])


def test_batch_statistics_come_back_too(tmp_path: Path) -> None:
    again = assert_a_restart_changes_nothing(tmp_path, BATCH_NORM, **SHORT, **NO_PENALTY)
    statistics = [name for name in networks(again) if "running_mean" in name]
    assert {name.partition(".")[0] for name in statistics} == {"G", "D", "average"}
