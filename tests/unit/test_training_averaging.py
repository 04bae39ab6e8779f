"""The workers' mean, in memory that they share and through sockets."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
import torch.multiprocessing as mp

from pipeline.training.averaging import Exchange, shared_memory

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
    memory, apart = Path(folder, "memory"), Path(folder, f"memory-{rank}")
    apart.mkdir()
    shared = shared_memory(SIZE, memory)
    assert shared is not None
    means: dict[str, list[torch.Tensor]] = {}
    for name, way in (("shared memory", shared), ("sockets", Exchange())):
        means[name] = [gradients(rank, turn) for turn in range(ROUNDS)]
        for mean in means[name]:
            way.average(mean)
    results: dict[str, Any] = {
        **means,
        "left behind": [file.name for file in memory.iterdir()],
        "elsewhere": shared_memory(SIZE, apart) is None,
        "too large": shared_memory(1 << 50, memory) is None,
        "nowhere": shared_memory(SIZE, Path(folder, "nowhere")) is None,
        "left behind in the end": [file.name for file in memory.iterdir()],
    }
    torch.save(results, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def workers(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What each of three gloo processes found."""
    folder = tmp_path_factory.mktemp("workers")
    (folder / "memory").mkdir()
    mp.spawn(_worker, args=(str(folder),), nprocs=WORKERS)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(WORKERS)]


@pytest.mark.parametrize("way", ["shared memory", "sockets"])
def test_every_worker_has_the_mean_of_all_in_the_order_of_ranks(workers: list[dict[str, Any]], way: str) -> None:
    for turn in range(ROUNDS):
        first, second, third = (gradients(rank, turn) / WORKERS for rank in range(WORKERS))
        for worker in workers:
            assert torch.equal(worker[way][turn], (first + second) + third)


def test_workers_that_do_not_see_one_memory_or_too_little_of_it_do_without(workers: list[dict[str, Any]]) -> None:
    for worker in workers:
        assert [worker[case] for case in ("elsewhere", "too large", "nowhere")] == [True, True, True]


def test_no_file_stays(workers: list[dict[str, Any]]) -> None:
    for worker in workers:
        assert worker["left behind"] == worker["left behind in the end"] == []
