"""Read all shards back for the audit, on whatever cluster there is."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from pipeline.audit.shard_stats import (
    Pixels,
    References,
    ShardStats,
    dataset_stats,
    sampled_rows,
    shard_stats_of,
    short_digests,
)
from pipeline.base.cpu import give_back_memory
from pipeline.base.pace import Pace
from pipeline.base.progress import Progress
from pipeline.cluster.connection import connect
from pipeline.cluster.parallel_map import fan_out
from pipeline.data.canonical import load_split
from pipeline.data.description import UNSEEN, Split
from pipeline.embedding.embedder import Embedder
from pipeline.evaluation.dataset_stats import DatasetStats
from pipeline.images.encodings import encoding_named
from pipeline.sampling.manifest import Manifest
from pipeline.sampling.shards.readers import ShardReader
from pipeline.sampling.verify import Findings, read_shard
from pipeline.store.folder import Folder

Scanned = tuple[ShardStats | None, Findings]


@dataclass(frozen=True)
class ShardInspector:
    """Read a shard back, wherever this object is sent, and measure what is in it."""

    dataset: Folder
    manifest: Manifest
    references: References
    sample_size: int  # records of the whole dataset that are kept for metrics

    def __call__(self, number: int) -> Scanned:
        """Return what is in the shard, where it is whole, and what is wrong with it."""
        entry = self.manifest.shards[number]
        shard, findings = read_shard(ShardReader(self.dataset, self.manifest), entry, self.manifest)
        if shard is None or findings.problems:
            return None, findings
        rows = sampled_rows(entry.first_index, entry.rows, self.manifest.count, self.sample_size)
        return shard_stats_of(shard.images, shard.labels, self.references, rows), findings


def references_of(data: Path, embedder: Embedder, manifest: Manifest) -> References:
    """Return what the records of a dataset are compared with: the real images in `data`, as the dataset would store them."""
    encoding = encoding_named(manifest.image.encoding, manifest.config.sample.jpeg_quality)
    stored = None if encoding.lossless else encoding.stored
    return References(
        embedder,
        train=_digests(data, "train", stored),
        held_out=np.concatenate([_digests(data, split, stored) for split in UNSEEN]),
        classes=len(manifest.classes),
    )


def scan_shards(
    inspector: ShardInspector, root: str, findings: Findings, on_progress: Callable[..., None]
) -> DatasetStats | None:
    """Inspect all shards on the cluster and return what is in them; None where one is damaged: `findings` say it then.

    `on_progress` receives how far it is, a line and its values.
    """
    give_back_memory()
    manifest = inspector.manifest
    shards = len(manifest.shards)
    with connect(root) as resources:
        inspected = _with_progress(
            fan_out(inspector, range(shards), resources.cpus), manifest, resources.cpus, on_progress
        )
        content = dataset_stats(_whole(inspected, findings), min(inspector.sample_size, manifest.count))
    return None if findings.problems else content


def _with_progress(
    inspected: Iterator[Scanned], manifest: Manifest, workers: int, on_progress: Callable[..., None]
) -> Iterator[Scanned]:
    """Log how far it is after each shard: in lines ten times on the way."""
    shards, records = len(manifest.shards), 0
    pace = Pace(time.monotonic(), at_once=min(workers, shards))
    on_progress(Progress(0, manifest.count, "records", doing="reading back"), "")
    for number, one in enumerate(inspected, start=1):
        yield one
        rows = manifest.shards[number - 1].rows
        records += rows
        pace.add(rows)
        now = time.monotonic()
        progress = Progress(
            done=records,
            total=manifest.count,
            unit="records",
            doing="reading back",
            rate=f"{pace.rate(now):,.0f} records/s",
            seconds_left=pace.seconds_left(manifest.count - records, now),
            note=f"{number:,} of {shards:,} shards",
        )
        tenth = number * 10 // shards > (number - 1) * 10 // shards
        line = f"{number:,} of {shards:,} shards inspected" if tenth else ""
        on_progress(progress, line, shards=number, shards_wanted=shards)


def _whole(inspected: Iterator[Scanned], findings: Findings) -> Iterator[ShardStats]:
    for content, found in inspected:
        findings.problems += found.problems
        findings.records += found.records
        if content is not None:
            yield content


def _digests(data: Path, split: Split, stored: Callable[[Pixels], Pixels] | None) -> NDArray[np.void]:
    """Return the digests of a split's images; also of what the dataset's encoding makes of them, where it loses detail.

    A copy of a training image is still a copy after a lossy encoding.
    """
    real = load_split(data, split)[0].permute(0, 2, 3, 1).numpy()
    digests = short_digests(real)
    return digests if stored is None else np.concatenate([digests, short_digests(stored(real))])
