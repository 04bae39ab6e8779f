"""Hold the statistics of all shards of a dataset together, and derive metrics from them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pipeline.base.metric import MetricValues
from pipeline.evaluation.moments import Moments, frechet


@dataclass(frozen=True)
class DatasetStats:
    """Hold the statistics of all shards together.

    `images uint8 [sampled, C, S, S]` and `labels int64 [sampled]` are those of the random choice of records that was
    held in memory.
    """

    records: int
    unique: int
    train_copies: int
    held_out_copies: int
    label_counts: NDArray[np.int64] | None
    moments: Moments
    shifts: list[float]  # of each shard, see `shard_shift` in pipeline/audit/shard_stats.py
    images: Tensor
    labels: Tensor | None


def dataset_metrics(stats: DatasetStats, real: Moments) -> MetricValues:
    """Return the metrics of all records of a dataset; `real` are the moments of the holdout's features.

    They are `records`, `unique_share`, `duplicates`, `train_copies`, `held_out_copies` (of validation and holdout),
    `fd_domain_all_records`, `shard_shift_max` and the number of that shard, `shard_shift_at`. Where there are labels,
    `class_balance` is the rarest class over the commonest.
    """
    counts = stats.label_counts
    furthest = int(np.argmax(stats.shifts))
    return {
        "records": stats.records,
        "unique_share": round(stats.unique / stats.records, 6),
        "duplicates": stats.records - stats.unique,
        "train_copies": stats.train_copies,
        "held_out_copies": stats.held_out_copies,
        "fd_domain_all_records": round(frechet(stats.moments, real), 4),
        "shard_shift_max": round(stats.shifts[furthest], 3),
        "shard_shift_at": furthest,
        **({} if counts is None else {"class_balance": round(float(counts.min() / counts.max()), 6)}),
    }
