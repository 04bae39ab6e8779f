"""Average the gradients of workers on CPUs, so that a restart changes no bit.

Gloo's own ring adds each part in another order, and DDP sorts its buckets anew after a process's first step. So the
last bits of sums over three workers or more would change.
"""

import torch
import torch.distributed as dist
from torch import Tensor
from torch.futures import Future
from torch.nn import functional as F


def average(gradients: Tensor) -> None:
    """Replace `gradients`, `float32 [n]`, by the workers' mean, in place.

    The shares of the workers are added in the order of ranks. Each worker adds up one part for all, which sends as many
    bytes as a ring does.
    """
    workers = dist.get_world_size()
    part = -(-len(gradients) // workers)
    buffer = F.pad(gradients / workers, (0, part * workers - len(gradients)))
    parts = torch.empty_like(buffer)
    dist.all_to_all_single(parts, buffer)
    rows = parts.view(workers, part)
    total = rows[0].clone()
    for row in rows[1:]:  # `torch.sum` promises no order
        total += row
    dist.all_gather_into_tensor(buffer, total)
    gradients.copy_(buffer[: len(gradients)])


def averaging_hook(
    _: None,
    bucket: dist.GradBucket,  # type: ignore[name-defined]  # its documented name, which torch imports without exporting it
) -> Future[Tensor]:
    """Average a bucket of gradients, as DDP's communication hook."""
    average(bucket.buffer())
    done: Future[Tensor] = Future()
    done.set_result(bucket.buffer())
    return done
