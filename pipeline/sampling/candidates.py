"""Drawing images of records from a trained pair, in aligned batches."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.config.schema import Sample
from pipeline.images.encodings import Encoding, encoding_named
from pipeline.models.generate import discriminate, generate_pixels
from pipeline.models.latents import latents
from pipeline.models.weights import TrainedPair
from pipeline.sampling.labels import label_cycle, labels_of


@dataclass(frozen=True)
class GenerationSettings:
    """What a record depends on, besides the model, its index and the filters."""

    seed: int
    batch_size: int
    precision: str  # fp32 or bf16
    label_cycle: NDArray[np.int64]  # [K], see `pipeline.sampling.labels`
    truncation: float | None
    encoding: Encoding

    @classmethod
    def of(cls, sample: Sample, classes: Sequence[str], precision: str) -> "GenerationSettings":
        """What a config says, for labels of the names `classes`.

        Raises:
            UserError: a weight is of none of them.
        """
        return cls(
            seed=sample.seed,
            batch_size=sample.batch_size,
            precision=precision,
            label_cycle=label_cycle(None if sample.labels == "balanced" else sample.labels, classes),
            truncation=sample.truncation,
            encoding=encoding_named(sample.encoding, sample.jpeg_quality),
        )


@dataclass(frozen=True)
class Drawn:
    """Images `uint8 [N, C, H, W]` as they are made and as a reader will see them, labels `int64 [N]`, calibrated logits `float32 [N]`."""

    images: Tensor
    seen: Tensor
    labels: Tensor
    logits: Tensor


@contextmanager
def reproducible_numerics() -> Iterator[None]:
    """One thread (how a sum is split over threads shows in its last bits) and denormals flushed, for as long as it lasts."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)


def draw_batch(pair: TrainedPair, settings: GenerationSettings, first: int, attempts: NDArray[np.int64]) -> Drawn:
    """The batch of records from `first` on, each of its own attempt, `int64 [batch_size]`."""
    z = torch.empty(settings.batch_size, pair.spec.latent_size)
    for attempt in np.unique(attempts).tolist():
        rows = torch.from_numpy(attempts == attempt)
        z[rows] = _latents(pair, settings, first, attempt)[rows]
    return _draw(pair, settings, z, _labels(settings, first))


def draw_candidates(
    pair: TrainedPair, settings: GenerationSettings, first: int, rows: NDArray[np.int64], attempt: int
) -> Drawn:
    """One attempt at some `rows`, `int64 [N]`, of the batch of records from `first` on."""
    chosen = torch.from_numpy(rows)
    return _draw(pair, settings, _latents(pair, settings, first, attempt)[chosen], _labels(settings, first)[chosen])


def _latents(pair: TrainedPair, settings: GenerationSettings, first: int, attempt: int) -> Tensor:
    spec = pair.spec
    size, truncation = settings.batch_size, settings.truncation
    return latents(settings.seed, first, size, spec.latent_size, spec.latent_prior, truncation, attempt)


def _labels(settings: GenerationSettings, first: int) -> Tensor:
    return torch.from_numpy(labels_of(settings.label_cycle, first, settings.batch_size))


def _draw(pair: TrainedPair, settings: GenerationSettings, z: Tensor, labels: Tensor) -> Drawn:
    spec, size, precision = pair.spec, settings.batch_size, settings.precision
    images = generate_pixels(pair.generator, spec, z, labels, batch_size=size, precision=precision)
    # The logit judges the image as a reader will see it, rounded, cropped and decoded, since that is what he holds.
    seen = torch.from_numpy(settings.encoding.stored(images.numpy().transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2))
    logits = discriminate(pair.discriminator, spec, seen, labels, batch_size=size, precision=precision)
    return Drawn(images, seen, labels, pair.calibration.log_ratios(logits, labels))
