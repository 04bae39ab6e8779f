"""Faults planted into a dataset whose manifest then describes them faithfully, so that only figures can find them.

No record can be made again either: the manifest says another machine made it.
"""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from pipeline.images.encodings import encoding_named
from pipeline.sampling.assemble import DatasetOutput
from pipeline.sampling.manifest import ManifestHeader, build_manifest, open_dataset, read_manifest
from pipeline.sampling.records import GeneratedShard, Records
from pipeline.sampling.shards.commits import ShardTarget
from pipeline.sampling.shards.ranges import plan_shards
from pipeline.sampling.shards.render import write_shard
from pipeline.sampling.verify import Findings, read_shards
from pipeline.store.local import LocalFolder

Pixels = NDArray[np.uint8]  # [N, H, W, C]
Labelled = tuple[Pixels, NDArray[np.int64]]


@dataclass(frozen=True)
class Sound:
    """A sound dataset's records, others of the same kind to take their place, and real images."""

    records: Labelled
    spare: Labelled
    train: Pixels
    held_out: Pixels
    shard: int  # records in one


def nothing(sound: Sound) -> Labelled:
    """No fault."""
    return sound.records


def a_class_collapsed(sound: Sound) -> Labelled:
    """Its records all show the same image."""
    images, labels = sound.records
    return np.where((labels == 3)[:, None, None, None], images[labels == 3][0], images), labels


def half_of_the_classes_missing(sound: Sound) -> Labelled:
    """Others are there in their place."""
    (images, labels), (others, of_others) = (
        tuple(part.copy() for part in pair) for pair in (sound.records, sound.spare)
    )
    rows, kept = (labels >= 5).nonzero()[0], (of_others < 5).nonzero()[0]
    images[rows], labels[rows] = others[kept[: len(rows)]], of_others[kept[: len(rows)]]
    return images, labels


def training_images_copied(sound: Sound) -> Labelled:
    """5 % of the records."""
    return _put(sound, sound.train)


def training_images_perturbed(sound: Sound) -> Labelled:
    """5 % of the records: each pixel by about 1.5 % of the range."""
    noise = 4 * np.random.default_rng(0).standard_normal(sound.train.shape)
    return _put(sound, (sound.train + noise).round().clip(0, 255).astype(np.uint8))


def held_out_images_copied(sound: Sound) -> Labelled:
    """5 % of the records: real images passed off as synthetic."""
    return _put(sound, sound.held_out)


def labels_swapped(sound: Sound) -> Labelled:
    """Of two classes."""
    images, labels = sound.records
    return images, np.where(labels == 4, 7, np.where(labels == 7, 4, labels))


def blur(sound: Sound) -> Labelled:
    """The mean of each pixel's 3x3 surroundings."""
    images, labels = sound.records
    padded = F.pad(torch.from_numpy(images.transpose(0, 3, 1, 2)).float(), [1] * 4, mode="replicate")
    return F.avg_pool2d(padded, 3, stride=1).to(torch.uint8).numpy().transpose(0, 2, 3, 1), labels


def jpeg(sound: Sound) -> Labelled:
    """Of quality 10, then stored as before."""
    images, labels = sound.records
    return encoding_named("jpeg", 10).stored(images), labels


def a_black_shard(sound: Sound) -> Labelled:
    """The second of them."""
    images, labels = sound.records[0].copy(), sound.records[1]
    images[sound.shard : 2 * sound.shard] = 0
    return images, labels


def _put(sound: Sound, reals: Pixels) -> Labelled:
    """A real image in the place of every twentieth record."""
    images, labels = sound.records[0].copy(), sound.records[1]
    images[::20] = reals[: len(images[::20])]
    return images, labels


FAULTS: list[Callable[[Sound], Labelled]] = [
    a_class_collapsed,
    half_of_the_classes_missing,
    training_images_copied,
    training_images_perturbed,
    held_out_images_copied,
    labels_swapped,
    blur,
    jpeg,
    a_black_shard,
]


def sound_records(dataset: Path, count: int, train: Pixels, held_out: Pixels) -> Sound:
    """The first `count` records of a dataset as they are, the others to spare."""
    place, manifest = open_dataset(dataset)
    shards = list(read_shards(place, manifest, Findings()))
    images = np.concatenate([shard.images for shard in shards])
    labels = np.concatenate([shard.labels for shard in shards if shard.labels is not None])
    shard = manifest.config.sample.shard_size
    return Sound((images[:count], labels[:count]), (images[count:], labels[count:]), train, held_out, shard)


def plant(dataset: Path, records: Labelled, out: Path) -> None:
    """Publishes `records` to `out` as if `dataset` had been made of them, on another machine."""
    manifest = read_manifest(dataset)
    images, labels = records
    sample = manifest.config.sample
    header = ManifestHeader.model_validate(
        manifest.model_dump(include=set(ManifestHeader.model_fields))
        | {
            "config": manifest.config.root | {"sample": sample.model_dump(mode="json") | {"count": len(images)}},
            "software": manifest.software | {"device": "another machine's processor"},
        }
    )
    run = out.with_name(f"{out.name}-run")
    target = ShardTarget(LocalFolder(run), manifest.fingerprint, tuple(sample.formats), tuple(manifest.classes))
    commits = []
    for plan in plan_shards(len(images), sample.shard_size):
        rows = slice(plan.first_index, plan.first_index + plan.rows)
        records_of_shard = Records(
            np.ascontiguousarray(images[rows]),
            labels[rows],
            np.arange(rows.start, rows.stop),
            np.zeros(plan.rows, np.float32),
        )
        shard = GeneratedShard(records_of_shard, {}, 0.0)
        commits.append(write_shard(shard, encoding_named(manifest.image.encoding), target, plan))
    shutil.rmtree(out, ignore_errors=True)
    DatasetOutput(out).assemble(target, build_manifest(target, commits, header))
    shutil.rmtree(run)
