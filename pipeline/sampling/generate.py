"""Minting the records of a shard: the algorithm, apart from files and workers."""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.models.weights import TrainedPair
from pipeline.sampling.candidates import GenerationSettings, draw_batch
from pipeline.sampling.filters.filter import Filter
from pipeline.sampling.records import MintedShard, Records
from pipeline.sampling.selection import choose_attempts
from pipeline.sampling.shards.ranges import ShardPlan


def generate_records(
    pair: TrainedPair, settings: GenerationSettings, plan: ShardPlan, filters: Sequence[Filter] = ()
) -> MintedShard:
    """The records of one shard.

    Every batch of records is whole and aligned to the shard, also where the shard ends within it: a batch of another size
    would give other last bits, and a partial shard could not be completed later.
    """
    started = time.monotonic()
    batches, refused = [], []
    for first in range(plan.first_index, plan.first_index + plan.rows, settings.batch_size):
        attempts = None
        if filters:
            attempts, refused_here = choose_attempts(pair, settings, filters, first)
            refused.append(refused_here)
        batches.append(mint_batch(pair, settings, first, attempts))
    records = Records(
        images=_joined([batch.images for batch in batches], plan.rows),
        labels=_joined([batch.labels for batch in batches], plan.rows) if pair.spec.conditional else None,
        indices=_joined([batch.indices for batch in batches], plan.rows),
        logits=_joined([batch.logits for batch in batches], plan.rows),
        attempts=_joined([batch.attempts for batch in batches], plan.rows) if filters else None,
    )
    counts = np.concatenate(refused, axis=1)[:, : plan.rows].sum(axis=1).tolist() if filters else []
    refusals = {each.kind: count for each, count in zip(filters, counts, strict=True)}
    return MintedShard(records, refusals, time.monotonic() - started)


def mint_batch(
    pair: TrainedPair, settings: GenerationSettings, first: int, attempts: NDArray[np.int64] | None = None
) -> Records:
    """The batch of records from `first` on, of the attempts, `int64 [batch_size]`, that passed the filters, or of the first."""
    size = settings.batch_size
    drawn = draw_batch(pair, settings, first, np.zeros(size, np.int64) if attempts is None else attempts)
    return Records(
        images=np.ascontiguousarray(drawn.images.numpy().transpose(0, 2, 3, 1)),
        labels=drawn.labels.numpy() if pair.spec.conditional else None,
        indices=np.arange(first, first + size, dtype=np.int64),
        logits=drawn.logits.numpy(),
        attempts=attempts,
    )


def _joined(parts: Sequence[NDArray[Any] | None], rows: int) -> NDArray[Any]:
    """The first `rows` of all parts together."""
    return np.concatenate([part for part in parts if part is not None])[:rows]
