"""Verify a dataset against its manifest: every byte, every record, and a few records generated again."""

import json
import os
import random
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.base.junk import is_junk
from pipeline.base.progress_meter import Track, track_in
from pipeline.models.weights import TrainedPair
from pipeline.sampling.manifest import Manifest, dataset_id
from pipeline.sampling.regenerate import Regenerator, stored_records, why_not_comparable
from pipeline.sampling.shards.commits import ShardFile, ShardRecord
from pipeline.sampling.shards.formats import FORMATS
from pipeline.sampling.shards.ranges import plan_shards
from pipeline.sampling.shards.readers import Attempts, DamagedShardError, Labels, ShardReader
from pipeline.sampling.shards.render import label_counts
from pipeline.sampling.shards.wids import WIDS, wids_index
from pipeline.store.bucket import REQUESTS_AT_ONCE, at_once
from pipeline.store.folder import Entry, Folder
from pipeline.store.local import LocalFolder

TRACKED = track_in("verify", aside=True)  # how far a check is, where no stage says it


@dataclass(frozen=True)
class Shard:
    """Hold a shard as read back from disk: `images: uint8 [N, H, W, C]`, `indices: int64 [N]`, labels, and its first index."""

    first_index: int
    images: NDArray[np.uint8]
    labels: Labels
    indices: NDArray[np.int64]


@dataclass
class Findings:
    """Hold what is wrong (one line each, naming the file), and what was inspected."""

    problems: list[str] = field(default_factory=list)
    files: int = 0
    records: int = 0
    regenerated: str = "no record was generated again"
    ignored: list[str] = field(default_factory=list)  # files that a desktop has put beside the shards


def verify_dataset(
    dataset: Folder, manifest: Manifest, pair: TrainedPair | None, records: int, track: Track = TRACKED
) -> Findings:
    """Check every file and read every record; with a model, make `records` random ones again, too. `track` shows the progress."""
    findings = verify_files(dataset, manifest, track)
    for _ in read_shards(dataset, manifest, findings, track):
        pass
    if pair is not None:
        verify_records(dataset, manifest, pair, findings, records, track=track)
    return findings


def verify_files(dataset: Folder, manifest: Manifest, track: Track = TRACKED) -> Findings:
    """Check identity, completeness and digests; read every byte and decode nothing. `track` shows the progress."""
    findings = Findings()
    problems, shards = findings.problems, manifest.shards
    expected = dataset_id(manifest.fingerprint, manifest.count, shards)
    if expected != manifest.dataset_id:
        problems.append("manifest.json: dataset_id does not follow from the shards it lists: the manifest was edited")
    size = max(shard.rows for shard in shards)
    whole = sum(shard.rows for shard in shards) == manifest.count  # else the plan may have any length
    planned = [(plan.shard, plan.first_index, plan.rows) for plan in plan_shards(manifest.count, size)] if whole else []
    if [(shard.shard, shard.first_index, shard.rows) for shard in shards] != planned:
        problems.append(f"manifest.json: its shards do not cover the records 0 to {manifest.count - 1} once each")
    requested = manifest.config.sample
    suffixes = [suffix for kind, (suffix, _) in FORMATS.items() if kind in requested.formats]
    if any([PurePosixPath(file.file).suffix for file in shard.files] != suffixes for shard in shards):
        problems.append(
            f"manifest.json: a shard's files are not of the formats that it names, {', '.join(requested.formats)}"
        )
    if requested.count != manifest.count:
        problems.append(f"manifest.json: its config asks for {requested.count} records, it counts {manifest.count}")
    listed = [file for shard in shards for file in shard.files]
    findings.files = len(listed)
    there = dataset.entries("data")
    # Digests and reading leave Python's lock; a store is waited for besides.
    threads = os.cpu_count() if isinstance(dataset, LocalFolder) else REQUESTS_AT_ONCE
    on_files = track("checking", len(listed), "files")
    for problem in at_once(partial(_damage, dataset, there), listed, threads):
        on_files(1)
        problems += [problem] if problem else []
    index = wids_index(manifest)
    extra = sorted(set(there) - {file.file for file in listed} - ({WIDS} if index else set()))
    if index is not None and not _holds(dataset, WIDS, index):
        problems.append(f"{WIDS}: is not the index that follows from the manifest")
    findings.ignored = [name for name in extra if is_junk(name)]
    problems += [f"{name}: not in the manifest" for name in extra if not is_junk(name)]
    return findings


def _holds(dataset: Folder, name: str, value: Any) -> bool:
    """Return whether a file is the JSON of `value`."""
    try:
        return bool(json.loads(dataset.read(name)) == value)
    except (OSError, ValueError, RecursionError):
        return False


def _damage(dataset: Folder, there: Mapping[str, Entry], file: ShardFile) -> str:
    """Return what is wrong with a file, by its size and digest; empty where nothing is."""
    entry = there.get(file.file)
    if entry is None:
        return f"{file.file}: missing"
    if entry.size != file.bytes:
        return f"{file.file}: {entry.size} bytes, the manifest says {file.bytes}"
    if dataset.sha256(file.file) != file.sha256:
        return f"{file.file}: its SHA-256 differs from the manifest's"
    return ""


def read_shards(dataset: Folder, manifest: Manifest, findings: Findings, track: Track = TRACKED) -> Iterator[Shard]:
    """Read every shard back, decoding every image; what is wrong goes into `findings`, not on. `track` says how far it is.

    As many shards as there are processors are read at once, in order, and no more are held.
    """
    reader = ShardReader(dataset, manifest)
    ahead = os.cpu_count() or 1
    on_shards = track("reading back", len(manifest.shards), "shards")
    with ThreadPoolExecutor(max_workers=ahead) as threads:
        waiting: deque[Future[tuple[Shard | None, Findings]]] = deque()
        for shard in manifest.shards:
            waiting.append(threads.submit(read_shard, reader, shard, manifest))
            if len(waiting) == ahead:
                yield from _taken(waiting.popleft(), findings)
                on_shards(1)
        while waiting:
            yield from _taken(waiting.popleft(), findings)
            on_shards(1)


def _taken(read: "Future[tuple[Shard | None, Findings]]", findings: Findings) -> Iterator[Shard]:
    shard, found = read.result()
    findings.problems += [problem for problem in found.problems if problem not in findings.problems]
    findings.records += found.records
    if shard is not None:
        yield shard


def read_shard(reader: ShardReader, shard: ShardRecord, manifest: Manifest) -> tuple[Shard | None, Findings]:
    """Return the shard, if its first file is as it should be, and what is wrong with any of its files."""
    findings = Findings()
    first: Shard | None = None
    for file in shard.files:
        try:
            stored = reader.read(file.file)
            images = reader.decode(stored.contents)
        except DamagedShardError as error:
            findings.problems.append(f"{file.file}: {error}")
            continue
        found = Shard(shard.first_index, images, stored.labels, stored.indices)
        findings.records += len(stored.indices)
        mismatches = [*_mismatches(found, shard, manifest), *_miscounts(stored.attempts, shard, manifest)]
        if first is not None and not np.array_equal(images, first.images):
            mismatches.append(f"its images are not those of {shard.file}")
        if first is not None and not _same_labels(stored.labels, first.labels):
            mismatches.append(f"its labels are not those of {shard.file}")
        findings.problems += [f"{file.file}: {mismatch}" for mismatch in mismatches]
        if file.file == shard.file and not mismatches:
            first = found
    return first, findings


def verify_records(
    dataset: Folder,
    manifest: Manifest,
    pair: TrainedPair,
    findings: Findings,
    count: int,
    seed: int = 0,
    track: Track = TRACKED,
) -> None:
    """Regenerate `count` random records with the model and compare the pixels with the stored ones. `track` says how far it is."""
    obstacle = why_not_comparable(manifest, pair)
    if obstacle:
        findings.regenerated = obstacle
        return
    reader, regenerator = ShardReader(dataset, manifest), Regenerator(pair, manifest)
    chosen = sorted(random.Random(seed).sample(range(manifest.count), min(count, manifest.count)))
    on_records = track("regenerating", len(chosen), "records")
    different = []
    for shard in manifest.shards:
        inside = [index for index in chosen if shard.first_index <= index < shard.first_index + shard.rows]
        if not inside:
            continue
        try:
            stored, attempts = stored_records(reader, shard, inside)
        except DamagedShardError:
            on_records(len(inside))
            continue  # reported when the shard was read
        for index, record in zip(inside, stored, strict=True):
            if not regenerator.record(index, attempts).equals(record):
                different.append(f"{shard.file}: record {index} differs from what the model generates")
            on_records(1)
    findings.problems += different
    findings.regenerated = (
        f"{len(chosen) - len(different)} of {len(chosen)} random records equal what the model generates"
    )


def _same_labels(a: Labels, b: Labels) -> bool:
    return b is None if a is None else b is not None and np.array_equal(a, b)


def _miscounts(attempts: Attempts, shard: ShardRecord, manifest: Manifest) -> Iterator[str]:
    """Yield what is wrong with the counts of candidates: filters refused each candidate but the last of each record."""
    refused = sum(shard.refused.values())
    tried = 0 if attempts is None else int(attempts.sum())
    kinds = [each.kind for each in manifest.filters]
    if refused != tried or shard.candidates != shard.rows + refused or [*shard.refused] != kinds:
        yield "its candidates are not counted as its records say"


def _mismatches(found: Shard, shard: ShardRecord, manifest: Manifest) -> Iterator[str]:
    if len(found.indices) != shard.rows:
        yield f"{len(found.indices)} records, the manifest says {shard.rows}"
    expected = np.arange(shard.first_index, shard.first_index + len(found.indices))
    if not np.array_equal(found.indices, expected):
        yield "its indices do not follow one another from the shard's first index"
    classes, labels = manifest.classes, found.labels
    if labels is not None and len(labels) and (labels.min() < 0 or labels.max() >= len(classes)):
        yield "a label is outside the classes"
        return
    if label_counts(labels, classes) != shard.labels:
        yield "its labels are not distributed as the manifest says"
