"""Plan which shard holds which records."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ShardPlan:
    """Represent a shard of the records `first_index .. first_index + rows - 1`."""

    shard: int
    first_index: int
    rows: int

    @property
    def name(self) -> str:
        """Return the file name without a suffix. It carries no total, so that a dataset can grow."""
        return f"train-{self.shard:06d}"


def batch_start(index: int, shard_size: int, batch_size: int) -> int:
    """Return the first record of the batch that record `index` is made in: batches are aligned to the shard."""
    return index - index % shard_size % batch_size


def plan_shards(count: int, shard_size: int) -> list[ShardPlan]:
    """Divide `count` records into shards of `shard_size`; the last one may be smaller."""
    return [
        ShardPlan(shard, first, min(shard_size, count - first))
        for shard, first in enumerate(range(0, count, shard_size))
    ]
