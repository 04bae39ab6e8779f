"""A real pair and a real dataset, small enough for a unit test."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from pipeline.config.schema import Sample
from pipeline.models.calibration import Calibration
from pipeline.models.hardware import device_name
from pipeline.models.pair import build_discriminator, build_generator
from pipeline.models.spec import PairSpec
from pipeline.models.weights import TrainedPair, save_pair
from pipeline.sampling.assemble import DatasetOutput
from pipeline.sampling.filters.filter import Filter
from pipeline.sampling.filters.fitting import fit_filters
from pipeline.sampling.generate import RecordGenerator
from pipeline.sampling.manifest import Manifest, ManifestHeader, build_manifest
from pipeline.sampling.settings import GenerationSettings
from pipeline.sampling.shards.commits import Commit, ShardTarget
from pipeline.sampling.shards.ranges import ShardPlan, plan_shards
from pipeline.sampling.shards.render import write_shard
from pipeline.store.local import LocalFolder

CLASSES = ("cat", "dog", "owl")
SPEC = PairSpec(
    architecture="dcgan",
    resolution=8,
    image_size=6,
    channels=1,
    classes=len(CLASSES),
    latent_size=5,
    latent_prior="normal",
    width=4,
)
CALIBRATION = Calibration([2.0, 0.5, 1.0], [0.0, 0.25, -1.0])
UNCONDITIONAL = replace(SPEC, classes=0)
SHARD_SIZE = 12
COUNT = 30  # two full shards and half of one
SAMPLE: dict[str, Any] = {
    "count": COUNT,
    "formats": ["parquet", "webdataset"],
    "seed": 3,
    "batch_size": 6,
    "shard_size": SHARD_SIZE,
    "labels": "balanced",
    "truncation": None,
    "encoding": "png",
    "jpeg_quality": 95,
}
SETTINGS = GenerationSettings.of(Sample(**SAMPLE), SPEC.condition, CLASSES, "fp32")


def save_tiny_pair(folder: Path, spec: PairSpec = SPEC, seed: int = 0) -> None:
    """Random weights, with contrast enough that no two images are equal."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        generator, discriminator = build_generator(spec), build_discriminator(spec)
    calibration = CALIBRATION if spec.classes else Calibration([2.0], [0.5])
    with torch.no_grad():
        generator.last.weight.mul_(10)
    save_pair(folder, spec, generator.state_dict(), discriminator.state_dict(), calibration, {"name": "tiny"})


def make_shard(generator: RecordGenerator, target: ShardTarget, plan: ShardPlan) -> Commit:
    """Generates, writes and commits a shard, as the two halves of the pipeline do."""
    return write_shard(generator.shard(plan), generator.settings.encoding, target, plan)


def target_in(
    run: Path, fingerprint: str = "f" * 64, formats: Sequence[str] = ("parquet",), classes: Sequence[str] = CLASSES
) -> ShardTarget:
    """Where a run's shards go."""
    return ShardTarget(LocalFolder(run), fingerprint, tuple(formats), tuple(classes))


def label_names(pair: TrainedPair) -> tuple[str, ...]:
    """Names of the labels that the pair's records bear."""
    return tuple(pair.spec.condition.label_names(CLASSES))


def manifest_header(
    pair: TrainedPair, sample: dict[str, Any] = SAMPLE, filters: Sequence[Filter] = ()
) -> ManifestHeader:
    """What a manifest says besides shards and identity."""
    spec = pair.spec
    header = {
        "name": "tiny",
        "classes": list(label_names(pair)),
        "image": {**spec.shape._asdict(), "encoding": sample["encoding"]},
        "model": {"digest": pair.digest, "uri": "models/tiny"},
        "source": {"digest": "0" * 64, "name": "noise", "licence": "CC0-1.0"},
        "config": {"sample": sample},
        "precision": SETTINGS.precision,
        "software": {"imagemint": "0.1.0", "device": device_name(use_gpu=False)},
        "filters": [each.manifest_header for each in filters],
    }
    return ManifestHeader.model_validate(header)


@dataclass(frozen=True)
class GeneratedDataset:
    """A published dataset and the run that made it."""

    target: ShardTarget
    plans: list[ShardPlan]
    out: Path
    manifest: Manifest


def generate_dataset(
    folder: Path,
    pair: TrainedPair,
    count: int = COUNT,
    formats: Sequence[str] = ("parquet", "webdataset"),
    **changes: Any,
) -> GeneratedDataset:
    """Makes `count` records in shards of `SHARD_SIZE` and publishes them to `folder/out`; `changes` are of `SAMPLE`."""
    sample = SAMPLE | {"count": count, "formats": list(formats)} | changes
    settings = GenerationSettings.of(Sample(**sample), pair.spec.condition, label_names(pair), "fp32")
    generator = RecordGenerator(pair, settings)
    filters = fit_filters(Sample(**sample).filters, generator, folder, folder)
    target, plans = (
        target_in(folder / "run", formats=formats, classes=label_names(pair)),
        plan_shards(count, SHARD_SIZE),
    )
    commits = [make_shard(replace(generator, filters=filters), target, plan) for plan in plans]
    manifest = build_manifest(target, commits, manifest_header(pair, sample, filters))
    DatasetOutput(folder / "out").assemble(target, manifest)
    return GeneratedDataset(target, plans, folder / "out", manifest)


def flip_bit(path: Path, position: int = -20) -> None:
    """Damages one bit of a file; its size stays. The file is replaced, so a hard link to it keeps its content."""
    content = bytearray(path.read_bytes())
    content[position] ^= 1
    path.unlink()
    path.write_bytes(content)
