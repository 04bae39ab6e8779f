"""Two workers: equal replicas, that learn what one worker learns, and may become one worker on the way."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from torch import Tensor, nn

from pipeline.models.spec import PairSpec
from pipeline.training.diagnostics import DIAGNOSTICS
from pipeline.training.replicas import WorkerContext, average_buffers, from_first_worker, mean_over_workers
from pipeline.training.trainer import ROLLBACK_LIMIT, Trainer, TrainingStoppedError
from tests.unit.tiny import SPEC
from tests.unit.training_cases import (
    ARCHITECTURES,
    BATCH_NORM,
    NO_PENALTY,
    assert_equal_bits,
    assert_equal_states,
    go_on,
    interrupt,
    networks,
    nothing,
    restored,
    trainer,
)

pytestmark = pytest.mark.usefixtures("one_thread")


@dataclass(frozen=True)
class Case:
    """A pair and a recipe that differ from the usual ones."""

    spec: PairSpec = SPEC
    changes: dict[str, Any] = field(default_factory=dict)

    def trainer(self, context: WorkerContext | None = None, **changes: Any) -> Trainer:
        return trainer(
            self.spec, context, **{"total_images": 48, "checkpoint_every_images": 24} | self.changes | changes
        )

    def finished(self, context: WorkerContext | None = None) -> dict[str, Any]:
        run = self.trainer(context)
        run.run(nothing)
        return end_of(run)


def of_loss(name: str, **penalties: float) -> Case:
    return Case(changes={"loss": name, **NO_PENALTY, **penalties})


CASES = {
    "minimax": of_loss("minimax", r1=0.1),
    "non_saturating": of_loss("non_saturating", r2=0.1),
    "maximum_likelihood": of_loss("maximum_likelihood"),
    "hinge": of_loss("hinge", r1=0.1),
    "least_squares": of_loss("least_squares", gp=1.0),
    "wgan_gp": of_loss("wgan_gp", gp=10.0),
    "relativistic": Case(),
    "accumulation": Case(changes={"accumulation": 2, "gp": 1.0}),
    "diffaugment": Case(changes={"augmentation": "diffaugment", "x_flip": True}),
    "ada": Case(changes={"augmentation": "ada", "ada_target": -0.9, "x_flip": True}),
    "spectral norm": Case(ARCHITECTURES["resnet, spectral norm"], {"loss": "hinge", **NO_PENALTY}),
    "mlp": Case(ARCHITECTURES["mlp"]),
    "r3": Case(ARCHITECTURES["r3"]),
    "batch norm": Case(BATCH_NORM, {"loss": "non_saturating", **NO_PENALTY}),
}
ELASTIC = Case(changes={"total_images": 72, "augmentation": "ada", "ada_target": -0.9})
# Gradients of more bytes than the ring sends at once.
WIDE = Case(
    replace(SPEC, resolution=16, image_size=16, width=16),
    {"batch_size": 24, "total_images": 192, "checkpoint_every_images": 96},
)
EACH_CASE = pytest.mark.parametrize("name", CASES)


def end_of(run: Trainer) -> dict[str, Any]:
    return {"networks": networks(run), "history": [row.record() for row in run.history]}


def gradients_of(run: Trainer) -> dict[str, Tensor]:
    """Of both players' parameters, after the first step."""
    run.one_step(0, run.prepare(0))
    gan = {"G": run.gan.generator, "D": run.gan.discriminator}
    return {
        f"{player}.{name}": parameter.grad.clone()
        for player, net in gan.items()
        for name, parameter in net.named_parameters()
        if parameter.grad is not None
    }


# In each of two processes --------------------------------------------------------------------------------------------


@contextmanager
def _joined(rank: int, workers: int, folder: str) -> Iterator[WorkerContext]:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=workers)
    try:
        yield WorkerContext(rank, workers)
    finally:
        dist.destroy_process_group()


def _worker(rank: int, folder: str) -> None:
    with _joined(rank, 2, folder) as context:
        results: dict[str, Any] = {
            name: {
                "gradients": gradients_of(case.trainer(context)),
                "whole": case.finished(context),
                "restarted": _restarted(case, context, Path(folder, name)),
            }
            for name, case in CASES.items()
        }
        results["elastic"] = _elastic(context, Path(folder, "elastic"))
        results["drift"] = _drift(context)
        results["stop"] = _ends_badly(context, "stop")
        results["rollback"] = _ends_badly(context, "rollback")
        results["together"] = _together(context)
        torch.save(results, f"{folder}/{rank}.pt")


def _one_of_three(rank: int, folder: str) -> None:
    with _joined(rank, 3, folder) as context:
        results = {"whole": WIDE.finished(context), "restarted": _restarted(WIDE, context, Path(folder, "run"))}
        torch.save(results, f"{folder}/{rank}.pt")


def _restarted(case: Case, context: WorkerContext, folder: Path) -> dict[str, Any]:
    interrupt(case.trainer(context), 1, folder)
    dist.barrier()
    return end_of(go_on(case.trainer(context), folder))


def _elastic(context: WorkerContext, folder: Path) -> dict[str, Any]:
    """Two workers, then the first one alone, then two again."""
    interrupt(ELASTIC.trainer(context), 1, folder)
    if context.rank == 0:
        interrupt(restored(ELASTIC.trainer(), folder), 2, folder)
    dist.barrier()
    return end_of(go_on(ELASTIC.trainer(context), folder))


def _drift(context: WorkerContext) -> str:
    run = Case().trainer(context)
    if context.rank == 1:
        with torch.no_grad():
            next(run.gan.generator.parameters()).add_(1e-3)
    return _error_of(lambda: run.run(nothing), RuntimeError)


def _ends_badly(context: WorkerContext, policy: str) -> dict[str, Any]:
    """So high a rate, also after rollbacks, that steps are skipped, which the first worker's evaluation finds."""
    rate = {"learning_rate": 1e30, "final_learning_rate": 1e30, "warmup_images": 0}
    run = Case().trainer(context, **rate, policies=dict.fromkeys(DIAGNOSTICS, policy))
    return {"error": _error_of(lambda: run.run(nothing), TrainingStoppedError), "rollbacks": run.rollbacks}


def _together(context: WorkerContext) -> dict[str, Tensor]:
    norm = nn.BatchNorm1d(2)
    norm(torch.tensor([[1.0, 2.0], [3.0, 6.0]]) * (1 + context.rank))
    average_buffers([norm], context)
    mean = mean_over_workers(torch.tensor([1.0, 4.0]) * context.rank, context)
    first = from_first_worker(torch.tensor([5, 7]) + context.rank, context)
    return {"running mean": norm.running_mean, "count": norm.num_batches_tracked, "mean": mean, "first": first}  # type: ignore[dict-item]


def _error_of(act: Callable[[], None], kind: type[Exception]) -> str:
    try:
        act()
    except kind as error:
        return str(error)
    return ""


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of two gloo processes was left with."""
    folder = tmp_path_factory.mktemp("workers")
    mp.spawn(_worker, args=(str(folder),), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


# What became of it ---------------------------------------------------------------------------------------------------


@EACH_CASE
def test_the_workers_end_with_equal_replicas(two_workers: list[dict[str, Any]], name: str) -> None:
    # Statistics of batches among them: the last step always ends in an evaluation.
    first, second = (worker[name]["whole"]["networks"] for worker in two_workers)
    assert_equal_bits(first, second)


def assert_learnt_the_same(case: Case, shared: dict[str, Any], alone: dict[str, Any], share: float) -> None:
    start = networks(case.trainer())
    # Some biases of D have no gradient but rounding noise (a relativistic loss sees differences of logits alone, and
    # inside the hinge's margin it is the same), of which Adam makes whole steps.
    for name in [name for name in start if not (name.startswith("D.") and name.endswith("bias"))]:
        moved, apart = ((alone["networks"][name] - other[name]).norm() for other in (start, shared["networks"]))
        assert apart <= share * moved + 1e-6, name
    for one, two in zip(alone["history"], shared["history"], strict=True):
        figures = [name for name in one if name not in ("discriminator_accuracy", "brightness", "verdict")]
        assert [two[name] for name in figures] == pytest.approx([one[name] for name in figures], rel=0.01, abs=1e-4)
        # A pair whose logits are as good as equal may be told apart by rounding.
        assert two["discriminator_accuracy"] == pytest.approx(one["discriminator_accuracy"], abs=0.05)


@pytest.mark.parametrize("name", [name for name in CASES if name != "batch norm"])
def test_two_workers_have_the_gradients_of_one(two_workers: list[dict[str, Any]], name: str) -> None:
    # Adam would hide a factor: a step's length does not depend on that of the gradient.
    alone, shared = gradients_of(CASES[name].trainer()), two_workers[0][name]["gradients"]
    assert alone.keys() == shared.keys()
    for player in ("G.", "D."):
        mine = [parameter for parameter in alone if parameter.startswith(player)]
        longest = max(alone[parameter].norm() for parameter in mine)
        assert longest > 1e-4
        for parameter in mine:
            assert (shared[parameter] - alone[parameter]).norm() <= 1e-3 * longest, parameter


@pytest.mark.parametrize("name", [name for name in CASES if name != "batch norm"])
def test_two_workers_learn_what_one_learns_from_the_same_global_batch(
    two_workers: list[dict[str, Any]], name: str
) -> None:
    assert_learnt_the_same(CASES[name], two_workers[0][name]["whole"], CASES[name].finished(), 0.01)


@EACH_CASE
def test_a_restart_of_both_changes_no_bit(two_workers: list[dict[str, Any]], name: str) -> None:
    for worker in two_workers:
        assert_equal_bits(worker[name]["whole"]["networks"], worker[name]["restarted"]["networks"])
    whole, restarted = (two_workers[0][name][run]["history"] for run in ("whole", "restarted"))
    assert len(whole) == 2
    assert_equal_states(whole, restarted)


def test_three_learn_the_same_bits_after_a_restart(tmp_path: Path) -> None:
    mp.spawn(_one_of_three, args=(str(tmp_path),), nprocs=3)
    runs = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(3)]
    for run in runs:
        assert_equal_bits(runs[0]["whole"]["networks"], run["whole"]["networks"])
        assert_equal_bits(run["whole"]["networks"], run["restarted"]["networks"])


def test_a_run_may_lose_a_worker_and_get_it_back(two_workers: list[dict[str, Any]]) -> None:
    first, second = (worker["elastic"] for worker in two_workers)
    assert_equal_bits(first["networks"], second["networks"])
    assert [entry["images_seen"] for entry in first["history"]] == [24, 48, 72]
    assert_learnt_the_same(ELASTIC, first, ELASTIC.finished(), 0.02)


def test_only_the_first_worker_judges_and_both_know_the_means(two_workers: list[dict[str, Any]]) -> None:
    first, second = (worker["relativistic"]["whole"]["history"] for worker in two_workers)
    for judged, unjudged in zip(first, second, strict=True):
        assert judged.keys() - unjudged.keys() == {"brightness", "verdict"}
        assert {name: judged[name] for name in unjudged} == unjudged


def test_replicas_that_drift_apart_end_the_run_on_every_worker(two_workers: list[dict[str, Any]]) -> None:
    assert ["drifted apart after 24 images" in worker["drift"] for worker in two_workers] == [True, True]


def test_a_stop_that_the_first_worker_orders_ends_the_run_on_every_worker(two_workers: list[dict[str, Any]]) -> None:
    first, second = (worker["stop"]["error"] for worker in two_workers)
    assert first.startswith("after 24 images: non_finite: ")
    assert second.startswith("after 24 images: the first worker says why")


def test_the_workers_go_back_together_and_give_up_together(two_workers: list[dict[str, Any]]) -> None:
    assert [worker["rollback"]["rollbacks"] for worker in two_workers] == [ROLLBACK_LIMIT] * 2
    assert all(f"{ROLLBACK_LIMIT} rollbacks" in worker["rollback"]["error"] for worker in two_workers)


def test_what_the_workers_do_together(two_workers: list[dict[str, Any]]) -> None:
    for result in (worker["together"] for worker in two_workers):
        # A tenth of each batch's mean: (2, 4) for the first worker, twice that for the second.
        assert result["running mean"].tolist() == pytest.approx([0.3, 0.6])
        assert result["count"] == 1
        assert result["mean"].tolist() == [0.5, 2.0]
        assert result["first"].tolist() == [5, 7]
