"""Measure what the shards on disk hold from their bytes alone, shard by shard."""

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
    """Hold what records are compared with: an embedder, and the digests of real images.

    The digests are `void [N]`, see `short_digests`.
    """

    embedder: Embedder
    train: NDArray[np.void]
    held_out: NDArray[np.void]
    classes: int  # that records have labels of; 0: no labels


@dataclass(frozen=True)
class ShardStats:
    """Hold what is found in one shard; of a dataset without labels, `labels` and `label_counts` are None.

    `digests void [N]` has 16 bytes a record. `images uint8 [sampled, H, W, C]` and `labels int64 [sampled]` are those
    of the records that are held in memory.
    """

    digests: NDArray[np.void]
    train_copies: int
    held_out_copies: int
    label_counts: NDArray[np.int64] | None
    moments: Moments
    images: Pixels
    labels: NDArray[np.int64] | None


def short_digests(images: Pixels) -> NDArray[np.void]:
    """Return half of the SHA-256 of each image's pixels, 16 bytes.

    Among a billion, two that differ are taken for one with p = 10^-21.
    """
    return np.frombuffer(b"".join(bytes.fromhex(digest)[:16] for digest in pixel_digests(images)), "V16")


def shard_stats_of(
    images: Pixels, labels: NDArray[np.int64] | None, references: References, keep: NDArray[np.int64]
) -> ShardStats:
    """Return all statistics of one shard's records, and the images and labels of the rows `keep`."""
    digests = short_digests(images)
    features = references.embedder.features(torch.from_numpy(images.transpose(0, 3, 1, 2)))
    return ShardStats(
        digests=digests,
        train_copies=int(np.isin(digests, references.train).sum()),
        held_out_copies=int(np.isin(digests, references.held_out).sum()),
        label_counts=None if labels is None else np.bincount(labels, minlength=references.classes),
        moments=Moments.of(features.double().numpy()),
        images=images[keep],
        labels=None if labels is None else labels[keep],
    )


def sampled_rows(first_index: int, rows: int, count: int, keep: int) -> NDArray[np.int64]:
    """Return the rows that a shard gives to a random sample of `min(keep, count)` of all `count` records.

    The sample is the same each time. Each shard gives its share, so what is wrong with one shard shows in the sample as
    much as it does in the dataset.
    """
    keep = min(keep, count)
    share = (first_index + rows) * keep // count - first_index * keep // count
    return np.sort(np.random.default_rng(first_index).permutation(rows)[:share])


def dataset_stats(shards: Iterable[ShardStats], sampled: int) -> DatasetStats | None:
    """Gather all shards, in order: the last bits of the moments depend on it. Return None for no shard.

    `sampled` is how many records all shards together hold in memory. Memory: 16 bytes a record, three times that while
    duplicates are counted, one mean a shard, and the sampled records, once.
    """
    seen: list[NDArray[np.void]] = []
    whole: Moments | None = None
    places: list[tuple[int, NDArray[np.float64]]] = []
    images, labels, counts = torch.empty(0, dtype=torch.uint8), torch.empty(sampled, dtype=torch.int64), []
    records = filled = train_copies = held_out_copies = 0
    for shard in shards:
        if whole is None:
            _, height, width, channels = shard.images.shape
            images = torch.empty((sampled, channels, height, width), dtype=torch.uint8)
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
    """Return how far a shard's mean features lie off those of all records, over what chance makes of it.

    The squared distance of the mean of `count` random records is `trace(covariance) / count * (1 - count / all)` on
    average. So 1 is chance, whatever the shard's size. It is 0 where the shard is the whole dataset.
    """
    others = whole.count - count
    if not others:
        return 0.0
    expected = float(np.trace(whole.covariance)) / count * (others / whole.count)
    off = float(((mean - whole.mean) ** 2).sum())
    return off / expected if expected else 0.0
