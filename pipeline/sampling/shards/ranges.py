"""Which shard holds which records."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ShardPlan:
    """Records `first_index .. first_index + rows - 1`."""

    shard: int
    first_index: int
    rows: int

    @property
    def name(self) -> str:
        """File name without ending. It carries no total, so that a dataset can grow."""
        return f"train-{self.shard:06d}"


def batch_start(index: int, shard_size: int, batch_size: int) -> int:
    """Return the first record of the batch that record `index` is made in: batches are aligned to the shard."""
    return index - index % shard_size % batch_size


def plan_shards(count: int, shard_size: int) -> list[ShardPlan]:
    """`count` records in shards of `shard_size`; the last may be partial."""
    return [
        ShardPlan(shard, first, min(shard_size, count - first))
        for shard, first in enumerate(range(0, count, shard_size))
    ]
