"""The audit: what the shards on disk hold, judged from their bytes alone, shard by shard."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.data.canonical import pixel_digests
from pipeline.embedding.embedder import Embedder
from pipeline.evaluation.dataset_stats import DatasetStats
from pipeline.evaluation.moments import Moments

Pixels = NDArray[np.uint8]  # [N, H, W, C]


@dataclass(frozen=True)
class References:
    """What records are held against: a ruler, and the digests of real images, `void [N]` (see `short_digests`)."""

    embedder: Embedder
    train: NDArray[np.void]
    held_out: NDArray[np.void]
    classes: int  # that records have labels of; 0: no labels


@dataclass(frozen=True)
class ShardStats:
    """What is found in one shard; of a dataset without labels, `labels` and `label_counts` are None.

    `digests void [N]`: 16 bytes a record. `images uint8 [kept, H, W, C]` and `labels int64 [kept]` are the records that were kept.
    """

    digests: NDArray[np.void]
    train_copies: int
    held_out_copies: int
    label_counts: NDArray[np.int64] | None
    moments: Moments
    images: Pixels
    labels: NDArray[np.int64] | None


def short_digests(images: Pixels) -> NDArray[np.void]:
    """Half of the SHA-256 of each image's pixels, 16 bytes: among a billion, two that differ are taken for one with p = 10^-21."""
    return np.frombuffer(b"".join(bytes.fromhex(digest)[:16] for digest in pixel_digests(images)), "V16")


def shard_stats_of(
    images: Pixels, labels: NDArray[np.int64] | None, known: References, keep: NDArray[np.int64]
) -> ShardStats:
    """Everything about one shard's records, of which the rows `keep` are kept."""
    digests = short_digests(images)
    features = known.embedder.features(torch.from_numpy(images.transpose(0, 3, 1, 2)))
    return ShardStats(
        digests=digests,
        train_copies=int(np.isin(digests, known.train).sum()),
        held_out_copies=int(np.isin(digests, known.held_out).sum()),
        label_counts=None if labels is None else np.bincount(labels, minlength=known.classes),
        moments=Moments.of(features.double().numpy()),
        images=images[keep],
        labels=None if labels is None else labels[keep],
    )


def sampled_rows(first_index: int, rows: int, count: int, keep: int) -> NDArray[np.int64]:
    """Rows of a shard that are kept so that of all `count` records `min(keep, count)` are: a random choice, the same each time.

    Each shard gives its share, so what is wrong with one shard shows in what is kept as much as it does in the dataset.
    """
    keep = min(keep, count)
    share = (first_index + rows) * keep // count - first_index * keep // count
    return np.sort(np.random.default_rng(first_index).permutation(rows)[:share])


def dataset_stats(shards: Iterable[ShardStats], kept: int) -> DatasetStats | None:
    """Gathers all shards, in order: the last bits of the moments depend on it. None of no shard.

    `kept`: how many records all shards together have kept. Memory: 16 bytes a record, three times that while duplicates are
    counted, one mean a shard, and the records that were kept, once.
    """
    seen: list[NDArray[np.void]] = []
    whole: Moments | None = None
    places: list[tuple[int, NDArray[np.float64]]] = []
    images, labels, counts = torch.empty(0, dtype=torch.uint8), torch.empty(kept, dtype=torch.int64), []
    records = filled = train_copies = held_out_copies = 0
    for shard in shards:
        if whole is None:
            _, height, width, channels = shard.images.shape
            images = torch.empty((kept, channels, height, width), dtype=torch.uint8)
        rows = slice(filled, filled + len(shard.images))
        images[rows] = torch.from_numpy(shard.images.transpose(0, 3, 1, 2))
        if shard.labels is not None and shard.label_counts is not None:
            labels[rows] = torch.from_numpy(shard.labels)
            counts.append(shard.label_counts)
        filled = rows.stop
        seen.append(shard.digests)
        records += len(shard.digests)
        train_copies += shard.train_copies
        held_out_copies += shard.held_out_copies
        whole = shard.moments if whole is None else whole.merged(shard.moments)
        places.append((shard.moments.count, shard.moments.mean))
    if whole is None:
        return None
    return DatasetStats(
        records=records,
        unique=len(np.unique(np.concatenate(seen))),
        train_copies=train_copies,
        held_out_copies=held_out_copies,
        label_counts=np.sum(counts, axis=0) if counts else None,
        moments=whole,
        shifts=[shard_shift(count, mean, whole) for count, mean in places],
        images=images[:filled],
        labels=labels[:filled] if counts else None,
    )


def shard_shift(count: int, mean: NDArray[np.float64], whole: Moments) -> float:
    """How far a shard's mean features lie off those of all records, over what chance makes of `count` random ones.

    The squared distance of a random sample's mean is `trace(covariance) / count * (1 - count / all)` on average: 1 is chance,
    whatever the shard's size. 0 where the shard is the whole dataset.
    """
    others = whole.count - count
    if not others:
        return 0.0
    expected = float(np.trace(whole.covariance)) / count * (others / whole.count)
    off = float(((mean - whole.mean) ** 2).sum())
    return off / expected if expected else 0.0
