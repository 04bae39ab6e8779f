"""The training loop: what it shows, when it stops to save, and that neither restarts nor workers change the result."""

import math
import os
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn

from pipeline.training.checkpoint import load_newest_checkpoint, save_checkpoint
from pipeline.training.trainer import Metrics, NonFiniteLossError, Place, Recipe, Trainer, parameter_sum
from tests.unit.tiny import SPEC

pytestmark = pytest.mark.usefixtures("one_thread")

RECIPE = Recipe(
    loss="relativistic",
    r1=0.1,
    r2=0.1,
    penalty_every=2,
    total_images=64,
    batch_size=8,
    learning_rate=0.002,
    final_learning_rate=0.0001,
    betas=(0.0, 0.99),
    ema_half_life_images=1000,
    checkpoint_every_images=32,
    precision="fp32",
    seed=0,
)


class Judge:
    """Gives the distances it was told to, one a checkpoint, and keeps the weights that it saw."""

    def __init__(self, distances: Sequence[float] = (1.0,) * 100) -> None:
        self.distances = list(distances)
        self.seen: list[dict[str, Tensor]] = []

    def __call__(self, generator: nn.Module) -> Metrics:
        self.seen.append(deepcopy(generator.state_dict()))
        return {"validation_fd_domain": self.distances[len(self.seen) - 1]}

    def picture(self, generator: nn.Module, path: Path) -> None:
        raise NotImplementedError


def images_and_labels(count: int = 20) -> tuple[Tensor, Tensor]:
    random = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (count, 1, SPEC.image_size, SPEC.image_size), generator=random, dtype=torch.uint8)
    return images, torch.arange(count) % SPEC.classes


def trainer(place: Place | None = None, judge: Judge | None = None, **changes: Any) -> Trainer:
    return Trainer(SPEC, replace(RECIPE, **changes), *images_and_labels(), place or Place(), judge or Judge())


def nothing(trainer: Trainer, metrics: Metrics, images_per_s: float) -> None:
    """At a checkpoint."""


def finished(**changes: Any) -> Trainer:
    done = trainer(**changes)
    done.run(nothing)
    return done


def networks(trainer: Trainer) -> dict[str, Tensor]:
    parts = {"G": trainer.generator, "D": trainer.discriminator, "average": trainer.average}
    return {f"{part}.{name}": t for part, net in parts.items() for name, t in net.state_dict().items()}


def assert_equal_bits(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


class MachineDownError(Exception):
    """What a crash looks like from within."""


def interrupted_at(images_seen: int, folder: Path) -> Callable[[Trainer, Metrics, float], None]:
    def on_checkpoint(trainer: Trainer, metrics: Metrics, _: float) -> None:
        save_checkpoint(folder, trainer.images_seen, trainer.state())
        if metrics["images_seen"] == images_seen:
            raise MachineDownError

    return on_checkpoint


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_restart_half_way_changes_no_bit(tmp_path: Path, precision: str) -> None:
    whole = finished(precision=precision, judge=Judge([5, 7]))

    first = trainer(precision=precision, judge=Judge([5]))
    with pytest.raises(MachineDownError):
        first.run(interrupted_at(32, tmp_path))
    torch.rand(17)  # a new process has another global random state
    second = trainer(precision=precision, judge=Judge([7]))
    saved = load_newest_checkpoint(tmp_path)
    assert saved is not None
    second.restore(saved)
    second.run(nothing)

    assert_equal_bits(networks(whole), networks(second))
    assert whole.best is not None
    assert second.best is not None
    assert_equal_bits(whole.best.generator, second.best.generator)
    assert_equal_bits(whole.best.discriminator, second.best.discriminator)
    for optimizer in ("generator_optimizer", "discriminator_optimizer"):
        states = [getattr(t, optimizer).state_dict()["state"] for t in (whole, second)]
        torch.testing.assert_close(*states, rtol=0, atol=0)
    assert whole.history == second.history


def test_a_finished_run_that_is_restored_trains_no_further() -> None:
    done, again = finished(), trainer()
    before = deepcopy(networks(done))
    again.restore(done.state())
    again.run(lambda *_: pytest.fail("a checkpoint of a run that is over"))
    assert_equal_bits(networks(again), before)


def test_the_recipe_s_seed_alone_decides() -> None:
    torch.manual_seed(1)
    first = finished(total_images=16)
    torch.manual_seed(2)
    assert_equal_bits(networks(first), networks(finished(total_images=16)))
    other = networks(finished(total_images=16, seed=1))
    assert not torch.equal(other["G.last.weight"], networks(first)["G.last.weight"])


def checkpoints(**changes: Any) -> list[int]:
    seen: list[int] = []
    trainer(**changes).run(lambda t, *_: seen.append(t.images_seen))
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
    judge = Judge([5.0, 3.0, 4.0, 3.0])
    done = finished(judge=judge, checkpoint_every_images=16)
    assert done.best is not None
    assert done.best.metrics["images_seen"] == 32
    assert done.best.metrics["validation_fd_domain"] == 3.0
    assert_equal_bits(done.best.generator, judge.seen[1])
    assert not torch.equal(judge.seen[1]["last.weight"], judge.seen[3]["last.weight"])
    assert [entry["validation_fd_domain"] for entry in done.history] == [5.0, 3.0, 4.0, 3.0]


def test_the_judge_sees_the_average_and_not_the_last_weights() -> None:
    judge = Judge()
    done = finished(judge=judge)
    assert_equal_bits(judge.seen[-1], done.average.state_dict())
    assert not torch.equal(done.average.state_dict()["last.weight"], done.generator.state_dict()["last.weight"])


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_loss_that_is_not_finite_ends_the_run() -> None:
    done = trainer(learning_rate=1e30, final_learning_rate=1e30)
    with pytest.raises(NonFiniteLossError, match="after 32 images"):
        done.run(nothing)
    assert done.best is None


def test_the_learning_rate_falls_from_the_first_to_the_final_one() -> None:
    rates: list[float] = []

    def note(optimizer: torch.optim.Optimizer, *_: Any) -> None:
        rates.append(optimizer.param_groups[0]["lr"])

    run = trainer(total_images=8 * 50, checkpoint_every_images=1000)
    run.generator_optimizer.register_step_pre_hook(note)
    run.run(nothing)
    assert len(rates) == 50
    assert rates == sorted(rates, reverse=True)
    assert rates[0] == pytest.approx(RECIPE.learning_rate)
    assert rates[25] == pytest.approx((RECIPE.learning_rate + RECIPE.final_learning_rate) / 2)
    assert rates[-1] == pytest.approx(RECIPE.final_learning_rate, rel=0.1)


def test_the_generator_learns_which_class_is_bright() -> None:
    labels = torch.arange(30) % 3
    images = torch.tensor([20, 120, 230], dtype=torch.uint8)[labels][:, None, None, None].expand(-1, 1, 6, 6)
    recipe = replace(RECIPE, total_images=250 * 16, batch_size=16, checkpoint_every_images=10_000, penalty_every=4)
    run = Trainer(SPEC, recipe, images, labels, Place(), Judge())
    run.run(nothing)
    made = run.average(torch.randn(60, SPEC.latent_size, generator=torch.Generator().manual_seed(0)), labels.repeat(2))
    dark, middle, bright = (made[labels.repeat(2) == label][:, :, 1:7, 1:7].mean().item() for label in range(3))
    assert dark < middle - 0.2 < bright - 0.4


def test_the_checksum_of_weights_sees_the_smallest_difference() -> None:
    net = nn.Sequential(nn.Linear(3, 3), nn.BatchNorm1d(3))
    before = parameter_sum(net)
    with torch.no_grad():
        net[0].weight[1, 2] = torch.nextafter(net[0].weight[1, 2], torch.tensor(math.inf))
    between = parameter_sum(net)
    with torch.no_grad():
        net[1].running_mean[0] = torch.nextafter(net[1].running_mean[0], torch.tensor(math.inf))
    assert len({int(total) for total in (before, between, parameter_sum(net))}) == 3


# Two workers ---------------------------------------------------------------------------------------------------------


def _worker(rank: int, folder: str) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2)
    try:
        run = trainer(place=Place(rank, 2))
        judge = run.judge
        run.run(nothing)
        result: dict[str, Any] = {"networks": networks(run), "judged": len(judge.seen), "history": run.history}
        drifting = trainer(place=Place(rank, 2))
        if rank == 1:
            with torch.no_grad():
                drifting.generator.last.bias += 1e-3
        try:
            drifting.run(nothing)
        except RuntimeError as error:
            result["drift"] = str(error)
        torch.save(result, f"{folder}/{rank}.pt")
    finally:
        dist.destroy_process_group()


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two gloo processes was left with."""
    folder = tmp_path_factory.mktemp("workers")
    mp.spawn(_worker, args=(str(folder),), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


def test_the_workers_end_with_equal_replicas(two_workers: list[dict[str, Any]]) -> None:
    first, second = two_workers
    assert_equal_bits(first["networks"], second["networks"])


def test_two_workers_learn_what_one_learns_from_the_same_global_batch(two_workers: list[dict[str, Any]]) -> None:
    start, alone, shared = networks(trainer()), networks(finished()), two_workers[0]["networks"]
    # A relativistic loss gives some biases of D no gradient but rounding noise, of which Adam makes whole steps.
    for name in [name for name in start if not (name.startswith("D.") and name.endswith("bias"))]:
        moved, apart = ((alone[name] - other[name]).norm() for other in (start, shared))
        assert apart < 0.01 * moved, name


def test_only_the_first_worker_judges(two_workers: list[dict[str, Any]]) -> None:
    assert [worker["judged"] for worker in two_workers] == [2, 0]
    assert all("validation_fd_domain" in entry for entry in two_workers[0]["history"])


def test_replicas_that_drift_apart_end_the_run_on_every_worker(two_workers: list[dict[str, Any]]) -> None:
    assert ["drifted apart after 32 images" in worker["drift"] for worker in two_workers] == [True, True]
