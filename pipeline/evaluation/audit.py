"""The audit: what the shards on disk hold, judged from their bytes alone."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.data.canonical import pixel_digests


@dataclass(frozen=True)
class Content:
    """What one pass over all records found. `images` holds the first `kept` records, `uint8 [kept, C, S, S]`.

    Of a dataset without labels, `class_counts` and `labels` are None.
    """

    records: int
    unique: int
    train_copies: int
    class_counts: NDArray[np.int64] | None
    images: Tensor
    labels: Tensor | None


def survey(
    shards: Iterable[tuple[NDArray[np.uint8], NDArray[np.int64] | None]],
    train_images: Tensor,
    classes: int,
    keep: int,
    stored: Callable[[NDArray[np.uint8]], NDArray[np.uint8]] | None = None,
) -> Content:
    """One pass over `(images uint8 [N, H, W, C], labels int64 [N])` of every shard; without `classes`, labels are None.

    `stored` is what the dataset's encoding makes of images, where it loses something: a copy of a training image is one
    after it, too.
    Memory: 32 bytes a record for duplicates, and the first `keep` images.
    """
    real = train_images.permute(0, 2, 3, 1).numpy()
    train = set(pixel_digests(real))
    if stored is not None:
        train.update(pixel_digests(stored(real)))
    seen: set[bytes] = set()
    copies = records = 0
    counts = np.zeros(classes, dtype=np.int64)
    kept_images, kept_labels = [train_images[:0]], [torch.empty(0, dtype=torch.int64)]
    room = keep
    for images, labels in shards:
        digests = pixel_digests(images)
        copies += sum(digest in train for digest in digests)
        seen.update(bytes.fromhex(digest) for digest in digests)
        records += len(images)
        kept_images.append(torch.from_numpy(images[:room].transpose(0, 3, 1, 2).copy()))
        if labels is not None:
            counts += np.bincount(labels, minlength=classes)
            kept_labels.append(torch.from_numpy(labels[:room].copy()))
        room -= len(kept_images[-1])
    return Content(
        records,
        len(seen),
        copies,
        counts if classes else None,
        torch.cat(kept_images),
        torch.cat(kept_labels) if classes else None,
    )


def content_metrics(content: Content) -> dict[str, Any]:
    """`unique_share`, `train_copies` and, where there are labels, `class_balance` (rarest class over commonest)."""
    counts = content.class_counts
    return {
        "records": content.records,
        "unique_share": round(content.unique / content.records, 6),
        "duplicates": content.records - content.unique,
        "train_copies": content.train_copies,
        **({} if counts is None else {"class_balance": round(float(counts.min() / counts.max()), 6)}),
    }
