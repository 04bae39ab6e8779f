"""Synchronise the workers that train the same pair: average gradients and buffers, and compare weights."""

from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from pipeline.training.averaging import averaging_hook


@dataclass(frozen=True)
class WorkerContext:
    """Describe this process among the workers: its rank, their number, and its device."""

    rank: int = 0
    workers: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    def share_of(self, batch_size: int) -> slice:
        """Return the rows of a global batch that this worker computes."""
        share = batch_size // self.workers
        return slice(self.rank * share, (self.rank + 1) * share)


def distribute(network: nn.Module, context: WorkerContext) -> nn.Module:
    """Return `network`, wrapped so that its gradients are averaged over the workers."""
    if context.workers == 1:
        return network
    on_gpu = context.device.type == "cuda"
    replica = DistributedDataParallel(
        network,
        device_ids=[context.device] if on_gpu else None,
        gradient_as_bucket_view=True,
        forward_sync_buffers=False,  # would change batch norm's statistics between two passes and one backward pass
    )
    if not on_gpu and context.workers > 2:  # a sum of two terms has one order
        replica.register_comm_hook(None, averaging_hook)
    return replica


def mean_over_workers(values: Tensor, context: WorkerContext) -> Tensor:
    """Return the mean of every worker's `values`, on each of them; `values` itself is changed."""
    if context.workers > 1:
        dist.all_reduce(values)
        values /= context.workers
    return values


def from_first_worker(values: Tensor, context: WorkerContext) -> Tensor:
    """Return the first worker's `values`, on each of them; `values` itself is changed."""
    if context.workers > 1:
        dist.broadcast(values, 0)
    return values


def average_buffers(networks: list[nn.Module], context: WorkerContext) -> None:
    """Average batch norm's running statistics over the workers, which each have their own until a checkpoint."""
    for network in networks:
        for buffer in network.buffers():
            if buffer.is_floating_point():
                mean_over_workers(buffer, context)


def require_equal_replicas(networks: list[nn.Module], context: WorkerContext, images_seen: int) -> None:
    """End the run on every worker when one differs from another in a bit, or in the number of images seen.

    Further training of such replicas would be meaningless.

    Raises:
        RuntimeError: the workers differ.
    """
    if context.workers == 1:
        return
    seen = torch.tensor(images_seen, device=context.device)
    checksums = torch.stack([seen, *(parameter_sum(network) for network in networks)])
    lowest, highest = checksums.clone(), checksums.clone()
    dist.all_reduce(lowest, dist.ReduceOp.MIN)
    dist.all_reduce(highest, dist.ReduceOp.MAX)
    if not torch.equal(lowest, highest):
        raise RuntimeError(f"the workers have drifted apart after {images_seen} images")


def parameter_sum(network: nn.Module) -> Tensor:
    """Return a checksum of parameters and buffers: `int64 []`.

    It is the sum of their bit patterns, each weighted by its position.
    """
    tensors = [*network.parameters(), *network.buffers()]
    bits = torch.cat([tensor.detach().float().flatten().view(torch.int32).long() for tensor in tensors])
    return (bits * torch.arange(1, 2 * len(bits), 2, device=bits.device)).sum()
