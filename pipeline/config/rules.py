"""Check the rules that span several keys: each refuses in a second what would otherwise fail an hour later."""

import re
from collections.abc import Iterator

from pipeline.base.metric import Need
from pipeline.config.constants import DEFAULT_JPEG_QUALITY, OBJECT_STORE, ONLY_CLASS
from pipeline.config.metrics import METRICS
from pipeline.config.schema import Sections

MOST_SHARDS = 1_000_000


def broken_rules(c: Sections) -> list[str]:
    """Return a line for each broken rule: key path, value found, what is allowed, what to do."""
    classes = _known_classes(c)
    return [
        *_root_rules(c),
        *_data_rules(c),
        *_training_rules(c),
        *_network_rules(c),
        *_worker_rules(c),
        *_sampling_rules(c),
        *([] if classes is None else broken_class_rules(c, classes)),
        *_gates_without_figure(c),
    ]


def _root_rules(c: Sections) -> Iterator[str]:
    if re.match(r"(s3|gs):|.*://", c.root) and not OBJECT_STORE.fullmatch(c.root):
        yield (
            f"root: {c.root!r}; use a folder of this machine, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX, of letters, digits and ._=-, "
            "with a BUCKET of at least three characters (credentials stand in the environment)"
        )


def _data_rules(c: Sections) -> Iterator[str]:
    if c.model.resolution < c.data.size:
        yield (
            f"model.resolution: {c.model.resolution} is below data.size {c.data.size}: images are padded up to it, never cut; "
            f"use at least {c.data.size}"
        )
    if c.data.channels not in ("auto", c.model.channels):
        yield (
            f"model.channels: {c.model.channels} does not fit data.channels {c.data.channels}; leave it out, or use {c.data.channels}"
        )
    shares = [share for share in (c.data.validation_share, c.data.holdout_share) if isinstance(share, float)]
    if sum(shares) >= 1:
        yield (
            f"data.validation_share: {c.data.validation_share} and data.holdout_share {c.data.holdout_share} leave nothing to train on"
        )


def _training_rules(c: Sections) -> Iterator[str]:
    if c.train.batch_size > c.train.total_images:
        yield (
            f"train.batch_size: {c.train.batch_size} is above train.total_images {c.train.total_images}, so training "
            "would not make one step"
        )
    if c.train.checkpoint_every_images < c.train.batch_size:
        yield (
            f"train.checkpoint_every_images: {c.train.checkpoint_every_images} is below train.batch_size {c.train.batch_size}"
        )
    if c.train.final_learning_rate > c.train.learning_rate:
        yield (
            f"train.final_learning_rate: {c.train.final_learning_rate} is above train.learning_rate {c.train.learning_rate}; "
            "the rate only falls"
        )
    if c.train.warmup_images >= c.train.total_images:
        yield (
            f"train.warmup_images: {c.train.warmup_images} is not below train.total_images {c.train.total_images}: "
            "the learning rate would never be reached"
        )
    if c.embed.batch_size > c.embed.total_images:
        yield (
            f"embed.batch_size: {c.embed.batch_size} is above embed.total_images {c.embed.total_images}, so training "
            "would not make one step"
        )
    if c.train.batch_size % c.train.accumulation or c.train.batch_size // c.train.accumulation < 2:
        yield (
            f"train.accumulation: {c.train.accumulation} does not divide train.batch_size {c.train.batch_size} into equal parts of at least 2"
        )


def _network_rules(c: Sections) -> Iterator[str]:
    model, train = c.model, c.train
    penalties = [name for name in ("r1", "r2", "gp") if getattr(train.penalty, name)]
    if train.loss == "wgan_gp" and train.penalty.gp is None:
        penalties.append("gp")
    if model.discriminator_norm == "batch" and penalties:
        yield (
            f"model.discriminator_norm: 'batch' with train.penalty.{' and '.join(penalties)} of train.loss "
            f"{train.loss!r}: a penalty is computed for each image alone, and batch norm mixes images; set the "
            "penalties to 0 or use none or spectral"
        )
    if train.loss == "wgan_gp" and not penalties and model.discriminator_norm != "spectral":
        yield (
            "train.penalty.gp: 0 with train.loss 'wgan_gp': nothing bounds the critic; leave it out, set a penalty, or use "
            "model.discriminator_norm spectral"
        )
    if model.architecture == "r3" and (
        model.generator_norm not in ("auto", "none") or model.discriminator_norm != "none"
    ):
        yield (
            f"model.architecture: 'r3' has no norm layers, but model.generator_norm is {model.generator_norm!r} and "
            f"model.discriminator_norm {model.discriminator_norm!r}; leave both out, or use resnet"
        )


def _worker_rules(c: Sections) -> Iterator[str]:
    workers = c.cluster.train_workers
    if workers != "auto" and c.train.batch_size % (workers * c.train.accumulation):
        yield (
            f"train.batch_size: {c.train.batch_size} cannot be divided evenly among cluster.train_workers {workers} "
            "and "
            f"train.accumulation {c.train.accumulation}; use a multiple of {workers * c.train.accumulation}"
        )
    if workers != "auto" and c.train.batch_size // (workers * c.train.accumulation) < 2:
        yield (
            f"train.batch_size: {c.train.batch_size} leaves fewer than 2 images for each part of each of {workers} workers"
        )


def _sampling_rules(c: Sections) -> Iterator[str]:
    if c.sample.count > MOST_SHARDS * c.sample.shard_size:
        yield (
            f"sample.count: {c.sample.count} in shards of sample.shard_size {c.sample.shard_size} are more than {MOST_SHARDS:,} shards; "
            "use larger shards or fewer records"
        )
    if c.sample.shard_size % c.sample.batch_size:
        yield (
            f"sample.shard_size: {c.sample.shard_size} is not a multiple of sample.batch_size {c.sample.batch_size}: "
            f"use a multiple, for example {-(-c.sample.shard_size // c.sample.batch_size) * c.sample.batch_size}"
        )
    if c.sample.labels != "balanced" and c.model.conditioning == "none":
        yield ("sample.labels: weights, but model.conditioning is 'none': no class can be requested; use balanced")
    if c.sample.encoding != "jpeg" and c.sample.jpeg_quality != DEFAULT_JPEG_QUALITY:
        yield (
            f"sample.jpeg_quality: {c.sample.jpeg_quality} has no effect with sample.encoding {c.sample.encoding!r}; "
            "leave it out, "
            "or use jpeg"
        )
    if c.sample.truncation is not None and c.sample.truncation >= 1 and c.model.latent.prior == "uniform":
        yield (
            f"sample.truncation: {c.sample.truncation} has no effect with model.latent.prior 'uniform', which ends at "
            "1; use less, or null"
        )


def _known_classes(c: Sections) -> list[str] | None:
    """Return the classes of the data as far as the config names them; None where the source decides."""
    if isinstance(c.data.classes, list):
        return c.data.classes
    return [ONLY_CLASS] if c.data.classes == "none" else None


def broken_class_rules(c: Sections, classes: list[str]) -> list[str]:
    """Return the rules that a config breaks with data of these classes.

    Where data.classes is auto, only ingest knows the classes.
    """
    broken = []
    if c.evaluate.images < 10 * len(classes):
        broken.append(f"evaluate.images: {c.evaluate.images} is fewer than 10 for each of the {len(classes)} classes")
    if len(classes) == 1:
        broken += [
            f"gates.{metric}: measured only of two classes or more, but the data has one ({classes[0]}); leave the gate out"
            for metric in _gated(c, Need.CLASSES)
        ]
        if c.sample.labels != "balanced" and c.model.conditioning == "class":
            broken.append(
                f"sample.labels: weights, but the data has one class only ({classes[0]}): no class can be requested; "
                "use balanced"
            )
        return broken
    broken += [
        f"gates.{metric}: measured only of one class, but the data has {len(classes)}; use diversity_min"
        for metric in _gated(c, Need.ONE_CLASS)
    ]
    if c.sample.labels == "balanced" or c.model.conditioning == "none":
        return broken
    broken += [
        f"sample.labels.{name}: no class of the data, which are {', '.join(classes)}"
        for name in c.sample.labels
        if name not in classes
    ]
    left_out = [name for name in classes if name not in c.sample.labels]
    broken += [
        f"gates.{metric}: cannot be met where sample.labels leaves out {left_out[0]}; leave the gate out"
        for metric in c.gates
        if left_out and METRICS[metric].of_all_classes and c.gates[metric].min is not None
    ]
    return broken


def _gated(c: Sections, need: Need) -> list[str]:
    """Return the bounded metrics that are measured only where this need is met."""
    return [metric for metric in c.gates if need in METRICS[metric].needs]


def _gates_without_figure(c: Sections) -> list[str]:
    given, classes = c.model.conditioning, _known_classes(c)
    # Of one class alone the networks are not conditioned, and `broken_class_rules` says what is not measured.
    conditioned = {"class": Need.LABELS, "none": Need.NO_LABELS} if classes is None or len(classes) > 1 else {}
    kind = None if c.evaluate.features is None else c.evaluate.features.kind
    with_ratio = sorted(name for name, metric in METRICS.items() if metric.ratio is not None)
    return (
        [
            f"gates.{metric}: measured only with evaluate.features of the kind {space.value!r}, which is {kind!r}; leave the gate out"
            for space in (Need.INCEPTION, Need.ONNX)
            for metric in _gated(c, space)
            if kind != space
        ]
        + [
            f"gates.{metric}: min_of_real or max_of_real, but this metric has no baseline of real images; allowed for: "
            f"{', '.join(with_ratio)}"
            for metric, gate in c.gates.items()
            if gate.of_real and METRICS[metric].ratio is None
        ]
        + [
            f"gates.{metric}: measured only with model.conditioning {needed!r}, which is {given!r}; leave the gate out"
            for needed, need in conditioned.items()
            for metric in _gated(c, need)
            if needed != given
        ]
    )
