"""The training loop: what it shows, in what order it schedules, when it stops to look, and what it keeps."""

import math
import shutil
from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipeline.training.batches import ResidentImages
from pipeline.training.block_shuffle import BlockShuffleSampler
from pipeline.training.history import Metrics
from pipeline.training.replicas import WorkerContext
from pipeline.training.trainer import ADAPT_EVERY, Trainer
from tests.unit.tiny import SPEC
from tests.unit.training_cases import (
    RECIPE,
    Eye,
    assert_equal_bits,
    changed,
    finished,
    images_for,
    networks,
    nothing,
    trainer,
)

pytestmark = pytest.mark.usefixtures("one_thread")


class Witness(Eye):
    """Gives the distances that it was told to, one a checkpoint, and keeps the weights that it saw."""

    def __init__(self, *distances: float) -> None:
        self.distances = distances
        self.seen: list[dict[str, Tensor]] = []
        self.modes: list[tuple[bool, bool]] = []

    def __call__(self, generator: nn.Module, discriminator: nn.Module) -> Metrics:
        self.seen.append(deepcopy(generator.state_dict()))
        self.modes.append((generator.training, discriminator.training))
        return {"brightness": self.distances[len(self.seen) - 1]}


# Checkpoints ---------------------------------------------------------------------------------------------------------


def checkpoints(**changes: Any) -> list[int]:
    seen: list[int] = []
    trainer(**changes).run(lambda t, _: seen.append(t.gan.images_seen))
    return seen


@pytest.mark.parametrize(
    ("batch", "every", "total", "expected"),
    [
        (8, 16, 48, [16, 32, 48]),
        (8, 16, 40, [16, 32, 40]),  # the end is always one
        (6, 10, 40, [12, 24, 30, 36]),  # at each crossing, also where a batch steps over it; no part of a batch
        (8, 100, 24, [24]),
    ],
)
def test_checkpoints_fall_at_every_crossing_of_the_interval_and_at_the_end(
    batch: int, every: int, total: int, expected: list[int]
) -> None:
    assert checkpoints(batch_size=batch, checkpoint_every_images=every, total_images=total) == expected


def test_the_best_checkpoint_by_the_judge_is_kept() -> None:
    evaluator = Witness(5.0, 3.0, 4.0, 3.0)
    done = finished(evaluator=evaluator, checkpoint_every_images=16)
    assert done.best.evaluation is not None
    assert (done.best.images_seen, done.best.evaluation.validation["brightness"]) == (32, 3.0)
    assert_equal_bits(done.best.parts["average"], evaluator.seen[1])
    assert not torch.equal(evaluator.seen[1]["last.weight"], evaluator.seen[3]["last.weight"])
    assert [entry.validation["brightness"] for entry in done.history] == [5.0, 3.0, 4.0, 3.0]


def test_a_distance_that_is_not_finite_is_never_the_best() -> None:
    done = finished(evaluator=Witness(float("nan"), float("-inf"), 9.0, float("inf")), checkpoint_every_images=16)
    assert done.best.images_seen == 48


def test_the_judge_sees_the_average_in_evaluation_mode_and_training_goes_on() -> None:
    evaluator = Witness(1.0, 1.0)
    done = finished(evaluator=evaluator)
    gan = done.gan
    assert_equal_bits(evaluator.seen[-1], gan.average.state_dict())
    assert not torch.equal(gan.average.state_dict()["last.weight"], gan.generator.state_dict()["last.weight"])
    assert evaluator.modes == [(False, False)] * 2
    assert (gan.generator.training, gan.discriminator.training) == (True, True)


def test_figures_are_means_since_the_last_evaluation() -> None:
    run, steps = trainer(total_images=64, checkpoint_every_images=32), []
    play = run._step

    def noting(*args: Any) -> Any:
        steps.append(play(*args))
        return steps[-1]

    run._step = noting  # type: ignore[assignment]
    run.run(nothing)
    assert len(steps) == 8
    for name in ("discriminator_loss", "generator_loss", "logit_gap", "discriminator_accuracy", "generator_gradient"):
        halves = torch.stack([getattr(step, name) for step in steps]).view(2, 4).mean(dim=1)
        assert [getattr(entry, name) for entry in run.history] == pytest.approx(halves.tolist(), rel=1e-5)
    assert [entry.images_seen for entry in run.history] == [32, 64]
    assert run.history[-1].average_distance == pytest.approx(run.gan.average_distance())
    assert 0 < run.history[-1].average_distance < 1


# Schedules -----------------------------------------------------------------------------------------------------------


def rates(**changes: Any) -> tuple[list[float], list[float]]:
    """The generator's and the discriminator's learning rate at each step."""
    run = trainer(total_images=8 * 50, checkpoint_every_images=1000, **changes)
    noted: tuple[list[float], list[float]] = ([], [])
    for optimizer, into in zip((run.gan.generator_optimizer, run.gan.discriminator_optimizer), noted, strict=True):
        optimizer.register_step_pre_hook(lambda o, *_, into=into: into.append(o.param_groups[0]["lr"]))
    run.run(nothing)
    return noted


@pytest.mark.parametrize("count", [5, 20, 130])
def test_few_images_fill_whole_batches_and_every_step_is_taken(count: int) -> None:
    """BMSG-GAN#38: with fewer images than a batch a loader that drops what is no whole batch ends at once, with nothing learnt."""
    changes = {"batch_size": 64, "total_images": 640, "checkpoint_every_images": 320, "warmup_images": 64}
    images = images_for(changed(RECIPE, **changes), count=count)
    shown = images.order.indices(0, 640).bincount(minlength=count)
    assert shown.max() - shown.min() <= 1
    before = networks(trainer(images=images, **changes))
    done = finished(images=images, **changes)
    assert done.history[-1].images_seen == 640
    after = networks(done)
    assert all(value.isfinite().all() for value in after.values())
    assert not any(torch.equal(after[name], before[name]) for name in before if name.endswith("last.weight"))
    assert all(math.isfinite(value) for entry in done.history for value in entry.record().values())


def test_the_learning_rate_falls_from_the_first_to_the_final_one() -> None:
    generator, discriminator = rates(warmup_images=0)
    assert len(generator) == 50
    assert generator == sorted(generator, reverse=True)
    assert generator[0] == pytest.approx(RECIPE.optimizer.learning_rate)
    assert generator[25] == pytest.approx((RECIPE.optimizer.learning_rate + RECIPE.optimizer.final_learning_rate) / 2)
    assert generator[-1] == pytest.approx(RECIPE.optimizer.final_learning_rate, rel=0.1)
    assert discriminator == generator


def test_the_discriminator_s_rate_is_its_multiple_and_both_warm_up() -> None:
    generator, discriminator = rates(warmup_images=80, schedule="constant", discriminator_rate=4.0)
    assert discriminator == pytest.approx([4 * rate for rate in generator])
    assert generator[:11] == pytest.approx(
        [RECIPE.optimizer.learning_rate * (8 * n + 1) / 80 for n in range(10)] + [RECIPE.optimizer.learning_rate]
    )


# What a step is given ------------------------------------------------------------------------------------------------


def ramp(size: int, resolution: int, **changes: Any) -> Trainer:
    """Images that get brighter from left to right."""
    row = torch.linspace(40, 240, size).to(torch.uint8)
    images = row.expand(20, 1, size, size).contiguous()
    order = BlockShuffleSampler(20, 0)
    data = ResidentImages(images, torch.zeros(20, dtype=torch.long), order, resolution, torch.device("cpu"))
    spec = replace(SPEC, image_size=size, resolution=resolution)
    return Trainer(spec, changed(RECIPE, **changes), data, WorkerContext(), Eye())


@pytest.mark.parametrize("size", [5, 6, 7, 8])
def test_about_half_of_the_real_images_are_mirrored_in_their_place(size: int) -> None:
    plain, mirrored = ramp(size, 8), ramp(size, 8, x_flip=True)
    first = plain.prepare(0).real[0]
    margin = (8 - size) // 2
    pixels = slice(margin, margin + size)
    expected = torch.full_like(first, -1.0)
    expected[:, pixels, pixels] = first[:, pixels, pixels].flip(2)
    images = torch.cat([mirrored.prepare(step).real for step in range(20)])
    as_they_are, flipped = ((images == one).all(dim=(1, 2, 3)) for one in (first, expected))
    assert (as_they_are | flipped).all()
    assert 0.3 < flipped.float().mean() < 0.7


@pytest.mark.parametrize("changes", [{}, {"augmentation": "ada"}, {"augmentation": "diffaugment", "x_flip": True}])
def test_the_workers_shares_make_up_the_batch_whatever_their_number(changes: dict[str, Any]) -> None:
    for step in (0, 5):
        whole = trainer(**changes).prepare(step)
        for workers in (2, 4):
            # As a worker would have it, without its connection to the others.
            shares = []
            for rank in range(workers):
                run = trainer(**changes)
                run.context = WorkerContext(rank, workers)
                shares.append(run.prepare(step))
            for name, tensor in vars(whole).items():
                if tensor is None:
                    assert name == "draws"
                else:
                    assert torch.equal(torch.cat([getattr(share, name) for share in shares]), tensor), name


def test_every_step_and_every_attempt_after_a_rollback_has_draws_of_its_own() -> None:
    run = trainer(augmentation="diffaugment")
    inputs = [run.prepare(0), run.prepare(1)]
    run.rollbacks = 1
    inputs.append(run.prepare(0))
    for name in ("latents", "mix", "draws"):
        assert len({getattr(one, name).sum().item() for one in inputs}) == 3
    assert torch.equal(inputs[0].real, inputs[2].real)


@pytest.mark.parametrize(("target", "direction"), [(-0.99, 1), (0.99, -1)])
def test_an_adaptive_augmentation_moves_towards_its_target(target: float, direction: int) -> None:
    run = trainer(augmentation="ada", ada_target=target, total_images=8 * 12, checkpoint_every_images=8 * 12)
    assert run.gan.augment is not None
    run.gan.augment.p.fill_(0.5)  # type: ignore[attr-defined]
    run.run(nothing)
    moved = 3 * ADAPT_EVERY * 8 / 500_000
    assert run.history[-1].augmentation == pytest.approx(0.5 + direction * moved, abs=1e-6)


# Learning ------------------------------------------------------------------------------------------------------------


def test_the_generator_learns_which_class_is_bright() -> None:
    labels = torch.arange(30) % 3
    images = torch.tensor([20, 120, 230], dtype=torch.uint8)[labels][:, None, None, None].expand(-1, 1, 6, 6)
    data = ResidentImages(images, labels, BlockShuffleSampler(30, 0), SPEC.resolution, torch.device("cpu"))
    budget = {"total_images": 250 * 16, "batch_size": 16, "checkpoint_every_images": 10_000, "penalty_every": 4}
    run = finished(images=data, **budget)
    z = torch.randn(60, SPEC.latent_size, generator=torch.Generator().manual_seed(0))
    made = run.gan.average(z, labels.repeat(2))
    dark, middle, bright = (made[labels.repeat(2) == label][:, :, 1:7, 1:7].mean().item() for label in range(3))
    assert dark < middle - 0.2 < bright - 0.4


def test_what_a_checkpoint_tells_is_what_the_run_keeps() -> None:
    told = []
    done = trainer()
    done.run(lambda _, evaluation: told.append(evaluation))
    assert [evaluation.row for evaluation in told] == done.history
    assert all(evaluation.images_per_s > 0 for evaluation in told)


@pytest.mark.slow  # compiling takes most of a minute
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile wants a C++ compiler")
def test_a_compiled_generator_learns_the_same() -> None:
    plain, compiled = (finished(total_images=16, compile_generator=choice) for choice in (False, True))
    for name, parameter in plain.gan.generator.named_parameters():
        torch.testing.assert_close(compiled.gan.generator.get_parameter(name), parameter, rtol=1e-3, atol=1e-4)
