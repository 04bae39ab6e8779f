"""Evidence of scikit-learn's digits, to measure metrics from."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipeline.audit.shard_stats import References, dataset_stats, shard_stats_of, short_digests
from pipeline.config.schema import Audit
from pipeline.embedding.embedder import Embedder
from pipeline.evaluation.dataset_stats import DatasetStats
from pipeline.evaluation.evidence import AuditedRecords, Evidence
from pipeline.evaluation.measure import metrics_of, metrics_of_real
from pipeline.models.calibration import Calibration
from pipeline.models.pair import build_discriminator, build_generator
from pipeline.models.weights import TrainedPair
from tests.unit.conftest import Labelled
from tests.unit.tiny import SPEC

NAMES = [str(digit) for digit in range(10)]


def pair_of_digits(classes: int) -> TrainedPair:
    """A pair with random weights; without classes an unconditional one."""
    spec = replace(SPEC, image_size=8, classes=classes)
    return TrainedPair(
        spec, build_generator(spec).eval(), build_discriminator(spec).eval(), Calibration([1.0], [0.0]), "digest", {}
    )


def evidence_of(
    embedder: Embedder,
    pair: TrainedPair,
    fake: Labelled,
    train: Labelled,
    holdout: Labelled,
    *,
    labelled: bool = True,
    names: list[str] = NAMES,
    **more: Any,
) -> Evidence:
    """What there is to measure `fake` from, beside `train` and `holdout`."""
    images, labels = fake
    return Evidence(
        embedder, pair, names, images, labels if labelled else None, holdout, lambda: train, "data", seed=0, **more
    )


def audited(evidence: Evidence, *, shard: int = 50, full: bool = False) -> Evidence:
    """The same with its images as the records of a dataset in shards of that many; classifiers learn for a moment."""
    records = AuditedRecords("dataset", _stats(evidence, shard), len(evidence.fake), Audit(total_images=128, full=full))
    return replace(evidence, records=records)


def _stats(evidence: Evidence, shard: int) -> DatasetStats:
    images, labels = _pixels(evidence.fake), None if evidence.requested is None else evidence.requested.numpy()
    known = References(
        evidence.embedder,
        short_digests(_pixels(evidence.train[0])),
        short_digests(_pixels(evidence.holdout[0])),
        0 if labels is None else len(evidence.names),
    )
    shards = [slice(first, first + shard) for first in range(0, len(images), shard)]
    stats = dataset_stats(
        (
            shard_stats_of(images[rows], None if labels is None else labels[rows], known, np.arange(len(images[rows])))
            for rows in shards
        ),
        len(images),
    )
    assert stats is not None
    return stats


def _pixels(images: Tensor) -> np.ndarray:
    return images.permute(0, 2, 3, 1).contiguous().numpy()


def measured(evidence: Evidence) -> dict[str, Any]:
    """All figures, those of real images among them."""
    return metrics_of(evidence, metrics_of_real(evidence))


def part(images: Labelled, first: int, count: int) -> Labelled:
    """Some of the images, with their labels."""
    return images[0][first : first + count], images[1][first : first + count]


def of_one_class(images: Labelled) -> Labelled:
    """The same without its labels."""
    return images[0], torch.zeros_like(images[1])
