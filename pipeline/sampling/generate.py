"""Generate the records of a shard: the algorithm, apart from files and workers."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.models.generate import discriminate, generate_pixels
from pipeline.models.labels import labels_of
from pipeline.models.latents import chances, latents
from pipeline.models.weights import TrainedPair
from pipeline.sampling.filters.filter import Candidates, Filter
from pipeline.sampling.records import GeneratedShard, Records
from pipeline.sampling.selection import select_attempts
from pipeline.sampling.settings import GenerationSettings
from pipeline.sampling.shards.ranges import ShardPlan


@contextmanager
def reproducible_numerics() -> Iterator[None]:
    """Run torch with one thread and with denormals flushed to zero, as long as the context lasts.

    The last bits of a sum depend on how many threads share it.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
        torch.set_num_threads(threads)


@dataclass(frozen=True)
class GeneratedImages:
    """Hold images `uint8 [N, C, H, W]` as they are made and as a reader will see them, calibrated logits `float32 [N]`."""

    made: Tensor
    seen: Tensor
    logits: Tensor


@dataclass(frozen=True)
class RecordGenerator:
    """Generate the records of a model under given settings; each record has to pass the filters.

    Batches are whole and aligned to the shard, also where the shard ends within one. A batch of another size would give
    other last bits, and a partial shard could not be completed later.
    """

    pair: TrainedPair
    settings: GenerationSettings
    filters: Sequence[Filter] = ()

    def shard(self, plan: ShardPlan, on_batch: Callable[[int], None] = lambda _: None) -> GeneratedShard:
        """Return the records of one shard; `on_batch` is told how many records each batch brought.

        Raises:
            UserError: the filters let nothing pass for one of them.
        """
        started = time.monotonic()
        batches, refused = [], []
        for first in range(plan.first_index, plan.first_index + plan.rows, self.settings.batch_size):
            attempts = None
            if self.filters:
                attempts, refused_here = self.selected_attempts(first)
                refused.append(refused_here)
            batches.append(self.batch(first, attempts))
            on_batch(min(self.settings.batch_size, plan.first_index + plan.rows - first))
        records = Records(
            images=_joined([batch.images for batch in batches], plan.rows),
            labels=self.pair.spec.condition.labels(self._values(plan.first_index, plan.rows)),
            indices=_joined([batch.indices for batch in batches], plan.rows),
            logits=_joined([batch.logits for batch in batches], plan.rows),
            attempts=_joined([batch.attempts for batch in batches], plan.rows) if self.filters else None,
        )
        counts = np.concatenate(refused, axis=1)[:, : plan.rows].sum(axis=1).tolist() if self.filters else []
        refusals = {each.kind: count for each, count in zip(self.filters, counts, strict=True)}
        return GeneratedShard(records, refusals, time.monotonic() - started)

    def batch(self, first: int, attempts: NDArray[np.int64] | None = None) -> Records:
        """Return the batch of records from `first` on, each from its first attempt or from the given `attempts`.

        `attempts`: `int64 [batch_size]`.
        """
        size, spec = self.settings.batch_size, self.pair.spec
        z = torch.empty(size, spec.latent_size)
        row_attempts = np.zeros(size, np.int64) if attempts is None else attempts
        for attempt in np.unique(row_attempts).tolist():
            rows = torch.from_numpy(row_attempts == attempt)
            z[rows] = self._latents(first, attempt)[rows]
        values = self._values(first, size)
        images = self.images(z, torch.from_numpy(values))
        return Records(
            images=np.ascontiguousarray(images.made.numpy().transpose(0, 2, 3, 1)),
            labels=spec.condition.labels(values),
            indices=np.arange(first, first + size, dtype=np.int64),
            logits=images.logits.numpy(),
            attempts=attempts,
        )

    def selected_attempts(self, first: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return the attempts of the batch from `first` on that pass the filters, and how often each filter refused."""
        return select_attempts(self.filters, partial(self.candidates, first), first, self.settings.batch_size)

    def candidates(self, first: int, rows: NDArray[np.int64], attempt: int) -> Candidates:
        """Return one attempt at the given `rows`, `int64 [N]`, of the batch of records from `first` on."""
        chosen = torch.from_numpy(rows)
        values = torch.from_numpy(self._values(first, self.settings.batch_size)[rows])
        images = self.images(self._latents(first, attempt)[chosen], values)
        of_batch = chances(self.settings.seed, first, self.settings.batch_size, attempt)
        return Candidates(images.seen, values, images.logits.numpy(), of_batch[rows])

    def images(self, z: Tensor, values: Tensor) -> GeneratedImages:
        """Return the images of given latents, `float [N, latent_size]`, asked for by `values`, `int64 [N]`."""
        pair, size, precision = self.pair, self.settings.batch_size, self.settings.precision
        made = generate_pixels(pair.generator, pair.spec, z, values, batch_size=size, precision=precision)
        # The logit judges the image as a reader will see it, rounded, cropped and decoded, since that is what he holds.
        stored = self.settings.encoding.stored(made.numpy().transpose(0, 2, 3, 1))
        seen = torch.from_numpy(stored.transpose(0, 3, 1, 2))
        logits = discriminate(pair.discriminator, pair.spec, seen, values, batch_size=size, precision=precision)
        return GeneratedImages(made, seen, pair.calibration.log_ratios(logits, pair.spec.condition.group(values)))

    def _latents(self, first: int, attempt: int) -> Tensor:
        spec, settings = self.pair.spec, self.settings
        size, truncation = settings.batch_size, settings.truncation
        return latents(settings.seed, first, size, spec.latent_size, spec.latent_prior, truncation, attempt)

    def _values(self, first: int, count: int) -> NDArray[np.int64]:
        """Return the requested values of the records `first .. first + count - 1`, `int64 [count]`."""
        return labels_of(self.settings.label_cycle, first, count)


def _joined(parts: Sequence[NDArray[Any] | None], rows: int) -> NDArray[Any]:
    """Return the first `rows` rows of all parts together."""
    return np.concatenate([part for part in parts if part is not None])[:rows]
