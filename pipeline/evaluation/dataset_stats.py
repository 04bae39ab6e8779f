"""What all shards of a dataset hold together, and the figures of it."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from pipeline.base.metric import MetricValues
from pipeline.evaluation.moments import Moments, frechet


@dataclass(frozen=True)
class DatasetStats:
    """What all shards hold together. `images uint8 [kept, C, S, S]` and `labels int64 [kept]` are the records that were kept."""

    records: int
    unique: int
    train_copies: int
    held_out_copies: int
    label_counts: NDArray[np.int64] | None
    moments: Moments
    shifts: list[float]  # of each shard, see `shard_shift` in pipeline/audit/shard_stats.py
    images: Tensor
    labels: Tensor | None


def dataset_metrics(content: DatasetStats, real: Moments) -> MetricValues:
    """Figures of all records; `real`: of the holdout's features.

    `unique_share`, `duplicates`, `train_copies`, `held_out_copies` (of validation and holdout), `fd_domain_all_records`,
    `shard_shift_max` and the number of that shard, `shard_shift_at`; where there are labels `class_balance` (rarest class over
    commonest).
    """
    counts = content.label_counts
    furthest = int(np.argmax(content.shifts))
    return {
        "records": content.records,
        "unique_share": round(content.unique / content.records, 6),
        "duplicates": content.records - content.unique,
        "train_copies": content.train_copies,
        "held_out_copies": content.held_out_copies,
        "fd_domain_all_records": round(frechet(content.moments, real), 4),
        "shard_shift_max": round(content.shifts[furthest], 3),
        "shard_shift_at": furthest,
        **({} if counts is None else {"class_balance": round(float(counts.min() / counts.max()), 6)}),
    }
