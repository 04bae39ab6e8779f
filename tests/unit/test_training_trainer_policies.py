"""Runs that go wrong on purpose, on scikit-learn's digits: what is found, and what each policy makes of it.

The judge measures raw pixels; none of its figures is made up.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from pipeline.embedding.nearest import nearest_distances
from pipeline.evaluation.distances import frechet_distance, within_class_diversity
from pipeline.models.pair import to_pixels
from pipeline.models.spec import PairSpec
from pipeline.training.batches import RealImages, ResidentImages
from pipeline.training.block_shuffle import BlockShuffleSampler
from pipeline.training.diagnostics import DIAGNOSTICS
from pipeline.training.history import Metrics
from pipeline.training.replicas import WorkerContext
from pipeline.training.trainer import ROLLBACK_FACTOR, ROLLBACK_LIMIT, Evaluation, Trainer, TrainingStoppedError
from tests.unit.conftest import Labelled
from tests.unit.training_cases import (
    RECIPE,
    assert_equal_bits,
    assert_equal_states,
    changed,
    go_on,
    interrupt,
    networks,
    nothing,
)

pytestmark = pytest.mark.usefixtures("one_thread")

Digits = tuple[Labelled, Labelled]

MLP = PairSpec(
    architecture="mlp", resolution=8, image_size=8, channels=1, classes=10, latent_size=8, latent_prior="normal",
    width=4, generator_norm="none",
)  # fmt: skip
INTERVAL = 30 * 32
DIGITS_RECIPE = changed(
    RECIPE,
    batch_size=32,
    total_images=3 * INTERVAL,
    checkpoint_every_images=INTERVAL,
    penalty_every=4,
    learning_rate=0.003,
    final_learning_rate=0.001,
    warmup_images=0,
)


class PixelJudge:
    """Fréchet distance, diversity within classes, and nearness to training images, on pixels."""

    criterion = "distance"

    def __init__(self, train: Labelled, held_out: Labelled) -> None:
        self.train, self.held_out = train[0].flatten(1).float(), held_out[0].flatten(1).float()
        self.nearest = nearest_distances(self.held_out, self.train).median()
        self.diversity = within_class_diversity(self.held_out.double().numpy(), held_out[1].numpy(), 10, 50)

    @torch.no_grad()
    def __call__(self, generator: nn.Module, discriminator: nn.Module) -> Metrics:  # noqa: ARG002
        labels = torch.arange(300) % 10
        latents = torch.randn(300, MLP.latent_size, generator=torch.Generator().manual_seed(0))
        pixels = to_pixels(generator(latents, labels), MLP.shape).flatten(1).float()
        fake, held_out = pixels.double().numpy(), self.held_out.double().numpy()
        diversity = within_class_diversity(fake, labels.numpy(), 10, 50) / self.diversity
        return {
            "distance": frechet_distance(fake, held_out),
            "validation_diversity_min": float(diversity.min()),
            "validation_diversity_mean": float(np.mean(diversity)),
            "validation_nearest_ratio": float(nearest_distances(pixels, self.train).median() / self.nearest),
        }


def resident(data: Labelled) -> ResidentImages:
    return ResidentImages(*data, BlockShuffleSampler(len(data[0]), 0), 8, torch.device("cpu"))


def run_on(digits: Digits, policy: str = "warn", images: RealImages | None = None, **changes: Any) -> Trainer:
    train, held_out = digits
    recipe = changed(DIGITS_RECIPE, policies=dict.fromkeys(DIAGNOSTICS, policy), **changes)
    return Trainer(MLP, recipe, images or resident(train), WorkerContext(), PixelJudge(train, held_out))


def too_fast(rate: float) -> dict[str, float]:
    return {"learning_rate": rate, "final_learning_rate": rate / 3}


def one_nan(real: Tensor) -> None:
    real[1, 0, 3, 3] = torch.nan


class Broken:
    """Images of which some batches are spoilt."""

    def __init__(
        self, images: RealImages, is_broken: Callable[[int], bool], spoil: Callable[[Tensor], object] = one_nan
    ) -> None:
        self.images = images
        self.is_broken = is_broken  # of a batch's first position
        self.spoil = spoil

    def at(self, position: int, count: int, share: slice) -> tuple[Tensor, Tensor]:
        real, labels = self.images.at(position, count, share)
        if self.is_broken(position):
            self.spoil(real)
        return real, labels


def from_the_third_interval(digits: Digits) -> Broken:
    return Broken(resident(digits[0]), lambda position: position >= 2 * INTERVAL)


# What goes wrong -----------------------------------------------------------------------------------------------------


def one_image(digits: Digits) -> Trainer:
    (images, labels), held_out = digits
    return run_on(((images[:1], labels[:1]), held_out))


def turning_white(digits: Digits) -> Trainer:
    """Learns digits for an interval, and then what is nowhere near them."""
    white = Broken(resident(digits[0]), lambda position: position >= INTERVAL, lambda real: real.fill_(1))
    return run_on(digits, images=white)


FAILURES: dict[str, tuple[Callable[[Digits], Trainer], str]] = {
    "a learning rate of 1": (lambda digits: run_on(digits, **too_fast(1.0)), "collapse"),
    "images that turn white": (turning_white, "oscillation"),
    "a discriminator that does not learn": (lambda digits: run_on(digits, discriminator_rate=0.0), "overpowering"),
    "a dataset of one image": (one_image, "memorisation"),
    "data that is not finite": (
        lambda digits: run_on(digits, images=Broken(resident(digits[0]), lambda position: position % 320 == 0)),
        "non_finite",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_a_failure_is_found_within_three_evaluations_and_with_warn_the_run_goes_on(digits: Digits, name: str) -> None:
    make, diagnostic = FAILURES[name]
    run, seen = make(digits), []
    run.run(lambda _, evaluation: seen.append(evaluation))
    assert run.gan.images_seen == 3 * INTERVAL
    assert diagnostic in {finding.diagnostic for finding in run.findings}
    assert [finding for evaluation in seen for finding in evaluation.findings] == run.findings
    assert {evaluation.action for evaluation in seen} <= {None, "warn"}
    assert all(tensor.isfinite().all() for tensor in networks(run).values())


def test_a_healthy_run_gives_no_finding_and_gets_better(digits: Digits) -> None:
    run = run_on(digits, total_images=6 * INTERVAL)
    run.run(nothing)
    assert run.findings == []
    assert run.history[-1].validation["distance"] < 0.6 * run.history[0].validation["distance"]


# What is done about it -----------------------------------------------------------------------------------------------


def test_stop_ends_the_run_with_the_reason_after_the_checkpoint_was_told(digits: Digits) -> None:
    run, seen = run_on(digits, "stop", **too_fast(1.0)), []
    with pytest.raises(TrainingStoppedError, match=r"^after 960 images: collapse: within some class the images differ"):
        run.run(lambda _, evaluation: seen.append(evaluation))
    assert [evaluation.action for evaluation in seen] == ["stop"]
    assert run.best.images_seen == 0  # a bad moment is not one to go back to


def test_rollback_returns_to_the_best_moment_with_a_lower_rate_and_other_draws(digits: Digits) -> None:
    run = run_on(digits, "rollback", images=from_the_third_interval(digits), schedule="constant")
    best, rates, latents = [], [], []
    run.gan.generator_optimizer.register_step_pre_hook(lambda o, *_: rates.append(o.param_groups[0]["lr"]))

    def on_checkpoint(trainer: Trainer, evaluation: Evaluation) -> None:
        latents.append(trainer.prepare(2 * INTERVAL // 32).latents)
        if evaluation.action is None:
            best[:] = [trainer.state()["now"]]
        elif evaluation.action == "rollback":
            assert trainer.gan.images_seen == 2 * INTERVAL
            assert_equal_states(trainer.state()["now"], best[0])
            assert trainer.history[-1].images_seen == 3 * INTERVAL

    with pytest.raises(TrainingStoppedError) as error:
        run.run(on_checkpoint)
    # It never gets through: the data stays what it is.
    assert [entry.rollbacks for entry in run.history] == [0, 0, *range(ROLLBACK_LIMIT + 1)]
    assert rates[60::30] == pytest.approx([0.003 * ROLLBACK_FACTOR**n for n in range(ROLLBACK_LIMIT + 1)])
    assert len(torch.stack(latents[2:-1]).unique(dim=0)) == ROLLBACK_LIMIT
    assert f"({ROLLBACK_LIMIT} rollbacks did not help)" in str(error.value)
    assert str(error.value).count("non_finite") == 1
    assert run.best.images_seen == 2 * INTERVAL


def test_a_rollback_before_anything_was_good_starts_afresh(digits: Digits) -> None:
    run, start = run_on(digits, "rollback", **too_fast(0.3)), networks(run_on(digits))
    with pytest.raises(InterruptedError):
        run.run(raising)
    assert (run.gan.images_seen, run.rollbacks) == (0, 1)
    assert_equal_bits(networks(run), start)


def raising(trainer: Trainer, evaluation: Evaluation) -> None:  # noqa: ARG001
    raise InterruptedError


BUDGET = {"total_images": 6 * INTERVAL, **too_fast(0.3)}


def test_rollback_saves_a_run_that_ends_badly_without_it(digits: Digits) -> None:
    saved, lost = (run_on(digits, policy, **BUDGET) for policy in ("rollback", "warn"))
    for run in (saved, lost):
        run.run(nothing)
    assert saved.rollbacks >= 2
    assert saved.history[-1].validation["distance"] < 0.2 * lost.history[-1].validation["distance"]
    assert (
        saved.history[-1].validation["validation_diversity_min"]
        > 0.2
        > lost.history[-1].validation["validation_diversity_min"]
    )
    assert saved.history[-1].images_seen == lost.history[-1].images_seen == 6 * INTERVAL


def test_a_restart_among_rollbacks_changes_no_bit(digits: Digits, tmp_path: Path) -> None:
    budget = BUDGET | {"total_images": 2 * INTERVAL}
    whole = run_on(digits, "rollback", **budget)
    whole.run(nothing)
    assert whole.rollbacks >= 2
    assert len(whole.history) == 2 + whole.rollbacks
    for evaluations in (1, 2, 3):  # in the first attempts, and in the last one
        folder = tmp_path / str(evaluations)
        interrupt(run_on(digits, "rollback", **budget), evaluations, folder)
        assert_equal_states(go_on(run_on(digits, "rollback", **budget), folder).state(), whole.state())


def test_a_single_fault_costs_one_rollback(digits: Digits) -> None:
    faults = iter([True])  # of a disk, say, in one batch: the next time it is read it is whole
    images = Broken(resident(digits[0]), lambda position: position == 2 * INTERVAL and next(faults, False))
    run = run_on(digits, "rollback", images=images)
    run.run(nothing)
    assert (run.rollbacks, len(run.findings)) == (1, 1)
    assert run.best.evaluation == run.history[-1]
