"""Minting the records of a shard: the algorithm, apart from files and workers."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.config.schema import Sample
from pipeline.models.generate import discriminate, generate_pixels
from pipeline.models.latents import latents
from pipeline.models.spec import PairSpec
from pipeline.models.weights import TrainedPair
from pipeline.sampling.encodings import Encoding, encoding_named
from pipeline.sampling.labels import label_cycle, labels_of
from pipeline.sampling.plan import ShardPlan


@dataclass(frozen=True)
class MintSettings:
    """What a record depends on, besides the model and its index."""

    seed: int
    batch_size: int
    precision: str  # fp32 or bf16
    label_cycle: NDArray[np.int64]  # [K], see `pipeline.sampling.labels`
    truncation: float | None
    encoding: Encoding

    @classmethod
    def of(cls, sample: Sample, classes: Sequence[str], precision: str) -> "MintSettings":
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
class Records:
    """`images: uint8 [N, H, W, C]`, `labels, indices: int64 [N]`, `logits: float32 [N]`.

    `labels` is None where the pair is unconditional: nothing was asked for, so nothing is known.
    """

    images: NDArray[np.uint8]
    labels: NDArray[np.int64] | None
    indices: NDArray[np.int64]
    logits: NDArray[np.float32]


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


def mint(pair: TrainedPair, settings: MintSettings, plan: ShardPlan) -> Records:
    """The records of one shard.

    Every forward pass has the full `batch_size`, aligned to the shard, also where the shard ends within it: a
    batch of another size would give other last bits, and a partial shard could not be completed later.
    """
    batches = [
        _mint_batch(pair, settings, plan.first_index + offset) for offset in range(0, plan.rows, settings.batch_size)
    ]
    images, labels, logits = (torch.cat(parts)[: plan.rows] for parts in zip(*batches, strict=True))
    return _records(pair.spec, plan.first_index, images, labels, logits)


def mint_aligned_batch(pair: TrainedPair, settings: MintSettings, shard_size: int, index: int) -> Records:
    """The aligned batch that record `index` was made in."""
    offset = index % shard_size
    first = index - offset % settings.batch_size
    return _records(pair.spec, first, *_mint_batch(pair, settings, first))


def _records(spec: PairSpec, first: int, images: torch.Tensor, labels: torch.Tensor, logits: torch.Tensor) -> Records:
    """The records from `first` on: `(uint8 [N, C, H, W], int64 [N], float32 [N])` as they are stored."""
    return Records(
        images=np.ascontiguousarray(images.numpy().transpose(0, 2, 3, 1)),
        labels=labels.numpy() if spec.conditional else None,
        indices=np.arange(first, first + len(images), dtype=np.int64),
        logits=logits.numpy(),
    )


def _mint_batch(
    pair: TrainedPair, settings: MintSettings, first: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    spec, size, precision = pair.spec, settings.batch_size, settings.precision
    z = latents(settings.seed, first, size, spec.latent_size, spec.latent_prior, settings.truncation)
    labels = torch.from_numpy(labels_of(settings.label_cycle, first, size))
    images = generate_pixels(pair.generator, spec, z, labels, batch_size=size, precision=precision)
    # The logit judges the image as a reader will see it, rounded, cropped and decoded, since that is what he holds.
    seen = torch.from_numpy(settings.encoding.stored(images.numpy().transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2))
    logits = discriminate(pair.discriminator, spec, seen, labels, batch_size=size, precision=precision)
    return images, labels, logits
