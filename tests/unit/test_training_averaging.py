"""The workers' mean has the same bits on each of them, whatever the order in which it travels."""

import os

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from pipeline.training.averaging import average

WORKERS = 3
ROUNDS = 200
SIZE = 1_000


def gradients(rank: int, turn: int) -> torch.Tensor:
    """Of another length in every round, as DDP's buckets are."""
    length = 1 + (turn * 37) % SIZE
    return torch.randn(length, generator=torch.Generator().manual_seed(rank * ROUNDS + turn))


def _worker(rank: int, folder: str) -> None:
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    dist.init_process_group("gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=WORKERS)
    means = [gradients(rank, turn) for turn in range(ROUNDS)]
    for mean in means:
        average(mean)
    torch.save(means, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> list[list[torch.Tensor]]:
    """What each of three gloo processes found."""
    folder = tmp_path_factory.mktemp("workers")
    mp.spawn(_worker, args=(str(folder),), nprocs=WORKERS)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(WORKERS)]


def test_every_worker_has_the_mean_of_all_in_the_order_of_ranks(workers: list[list[torch.Tensor]]) -> None:
    for turn in range(ROUNDS):
        first, second, third = (gradients(rank, turn) / WORKERS for rank in range(WORKERS))
        for worker in workers:
            assert torch.equal(worker[turn], (first + second) + third)
