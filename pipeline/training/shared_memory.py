"""Workers on one machine average their gradients in memory that they share.

Gloo sends them through sockets even then, which costs about as much time as a small network's whole backward pass.
"""

import os
import secrets
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor
from torch.futures import Future

FLOAT_BYTES = 4


class SharedGradients:
    """Two rooms with a row for each worker, `float32 [2, workers, size]`, used in turn.

    Who is in one room has read all he wanted of the other: the workers meet once between writing and reading, and
    nobody reaches the room after next before everybody has come to the next.
    """

    def __init__(self, rooms: Tensor, rank: int) -> None:
        self._rooms, self._rank = rooms, rank
        self._turn = 0
        self._token = torch.zeros(1)

    def average(self, gradients: Tensor) -> None:
        """Makes `gradients`, `float32 [n]` with `n <= size`, the workers' mean, in place.

        Summed in the order of ranks, whatever the buckets, so that a restart changes no bit.
        """
        room = self._rooms[self._turn, :, : len(gradients)]
        self._turn = 1 - self._turn
        torch.div(gradients, len(room), out=room[self._rank])
        dist.all_reduce(self._token)  # all have written
        torch.add(room[0], room[1], out=gradients)
        for row in room[2:]:
            gradients += row


def average_in_shared_memory(
    shared: SharedGradients,
    bucket: dist.GradBucket,  # type: ignore[name-defined]  # public, but not in its module's `__all__`
) -> Future[Tensor]:
    """DDP's communication hook."""
    shared.average(bucket.buffer())
    done: Future[Tensor] = Future()
    done.set_result(bucket.buffer())
    return done


def shared_gradients(size: int, folder: Path) -> SharedGradients | None:
    """Memory for `size` gradients of every worker, in a file of `folder` that nobody else sees for long.

    None, for all workers, when one of them is on another machine or there is not enough of it.
    """
    rank, workers = dist.get_rank(), dist.get_world_size()
    name = torch.tensor(secrets.randbits(62))
    dist.broadcast(name, 0)
    file = folder / f"imagemint-{int(name):x}"
    floats = 2 * workers * size
    try:
        if rank == 0:
            _reserve(file, floats * FLOAT_BYTES)
        dist.barrier()
        seen = torch.tensor(int(file.exists()))
        dist.all_reduce(seen, dist.ReduceOp.MIN)
        if not seen:
            return None
        rooms = torch.from_file(str(file), shared=True, size=floats).view(2, workers, size)
        dist.barrier()
        return SharedGradients(rooms, rank)
    finally:
        if rank == 0:
            file.unlink(missing_ok=True)


def _reserve(file: Path, size: int) -> None:
    """Makes `file` of `size` bytes if they are there: a page that is missing later would kill the process."""
    try:
        file.touch(0o600, exist_ok=False)
        with file.open("r+b") as opened:
            os.posix_fallocate(opened.fileno(), 0, size)
    except OSError:
        file.unlink(missing_ok=True)
