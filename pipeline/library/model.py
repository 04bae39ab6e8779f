"""Load a model, and generate images with it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from operator import index as whole_number
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from pipeline.base.errors import UserError
from pipeline.config.load import sample_section
from pipeline.library.images import Images
from pipeline.library.names import class_number, local_folder
from pipeline.models.labels import labels_of
from pipeline.models.latents import latents as latents_of
from pipeline.models.precision import resolve_precision
from pipeline.models.weights import DESCRIPTION, load_pair
from pipeline.sampling.generate import RecordGenerator, reproducible_numerics
from pipeline.sampling.settings import GenerationSettings
from pipeline.sampling.shards.ranges import batch_start

LARGEST_INDEX = 10**12
MOST_AT_ONCE = 1_000_000  # images, since all of one call are in memory together
Label = str | int | np.integer[Any]  # a class, by its name or by its number
DEFAULTS: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class Model:
    """Hold a trained model, ready to generate images on the CPU; `load_model` makes one.

    Attributes:
        name: that of the preset which it was trained by.
        classes: names of its classes, by their numbers; empty where it was trained without.
        shape: height, width and channels of an image, `(H, W, C)`.
        latent_size: how many numbers a latent has.
        digest: identity of its weights, hexadecimal; a dataset's manifest names it.
        generator: what generates, for `Dataset.regenerate` and `Dataset.verify`.
        shard_size: records to a shard, to which batches are aligned.
    """

    name: str
    classes: tuple[str, ...]
    shape: tuple[int, int, int]
    latent_size: int
    digest: str
    generator: RecordGenerator = field(repr=False)
    shard_size: int = field(repr=False)

    def generate(self, which: int | Iterable[int], *, label: Label | None = None) -> Images:
        """Return records, each equal to the one that `sample` stores for its index under the same settings.

        A record depends on its row of a batch. So the whole batch of `batch_size` images is computed for each of them.

        Args:
            which: how many records, which are then the first ones; or the indices of records, from 0 on. At most 1,000,000.
            label: the class of all of them, by name or number, where `which` is a number: the first records of that class.

        Raises:
            UserError: `which` is outside its range, or there are no records of the class.
        """
        indices = self._indices(which, label)
        settings = self.generator.settings
        starts = np.array([batch_start(each, self.shard_size, settings.batch_size) for each in indices.tolist()])
        images = np.empty((len(indices), *self.shape), np.uint8)
        logits = np.empty(len(indices), np.float32)
        with reproducible_numerics():
            for start in np.unique(starts).tolist():
                rows = np.flatnonzero(starts == start)
                batch, wanted = self.generator.batch(start), indices[rows] - start
                images[rows] = settings.encoding.stored(batch.images[wanted])
                logits[rows] = batch.logits[wanted]
        values = settings.label_cycle[indices % len(settings.label_cycle)]
        return Images(images, self.generator.pair.spec.condition.labels(values), logits, indices)

    def latents(self, count: int, *, seed: int) -> NDArray[np.float32]:
        """Return `count` latents, `float32 [count, latent_size]`: those of the first records of a dataset with that seed."""
        _require("count", count, 1, MOST_AT_ONCE)
        _require("seed", seed, 0, 2**32 - 1)
        spec, truncation = self.generator.pair.spec, self.generator.settings.truncation
        return latents_of(seed, 0, count, spec.latent_size, spec.latent_prior, truncation).numpy()

    def from_latents(self, latents: NDArray[np.floating], *, label: Label | Iterable[Label] | None = None) -> Images:
        """Return the images that the generator makes of latents.

        Args:
            latents: `float [N, latent_size]`, as `latents` returns them.
            label: a class by name or number: one for all, or one for each latent. None: the classes of the first N records.

        Raises:
            UserError: the latents are of another shape or not finite, or there is no such class.
        """
        z = np.ascontiguousarray(latents, dtype=np.float32)
        if z.ndim != 2 or len(z) == 0 or z.shape[1] != self.latent_size:
            raise UserError(
                f"latents: found the shape {list(z.shape)}; allowed: [N, {self.latent_size}], N at least 1."
            )
        if not np.isfinite(z).all():
            raise UserError("latents: found a number that is not finite; allowed are finite numbers.")
        values = self._values(label, len(z))
        with reproducible_numerics():
            made = self.generator.images(torch.from_numpy(z), torch.from_numpy(values))
        seen = np.ascontiguousarray(made.seen.numpy().transpose(0, 2, 3, 1))
        return Images(seen, self.generator.pair.spec.condition.labels(values), made.logits.numpy(), None)

    def _indices(self, which: int | Iterable[int], label: Label | None) -> NDArray[np.int64]:
        if isinstance(which, int | np.integer):
            _require_one_call(int(which))
            _require("the number of records", int(which), 1, MOST_AT_ONCE)
            first = np.arange(which, dtype=np.int64)
            return first if label is None else self._indices_of_class(label, first)
        if label is not None:
            raise UserError("label: records that are given by index already have a class. Leave the label out.")
        indices = [whole_number(index) for index in islice(which, MOST_AT_ONCE + 1)]
        _require_one_call(len(indices))
        for index in indices:
            _require("index", index, 0, LARGEST_INDEX)
        return np.array(indices, dtype=np.int64)

    def _indices_of_class(self, label: Label, numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the index of the n-th record of a class, for each n of `numbers`."""
        cycle = self.generator.settings.label_cycle
        places = np.flatnonzero(cycle == class_number(label, self.classes))
        if not len(places):
            raise UserError(f"label {label!r}: no record is of this class, since the settings' `labels` leave it out.")
        return places[numbers % len(places)] + numbers // len(places) * len(cycle)

    def _values(self, label: Label | Iterable[Label] | None, count: int) -> NDArray[np.int64]:
        if label is None:
            return labels_of(self.generator.settings.label_cycle, 0, count)
        each = [label] * count if isinstance(label, str | int | np.integer) else list(label)
        if len(each) != count:
            raise UserError(f"label: found {len(each)} for {count} latents. Give one for all, or one for each latent.")
        return np.array([class_number(one, self.classes) for one in each], dtype=np.int64)


def load_model(folder: str | Path, *, settings: Mapping[str, object] = DEFAULTS) -> Model:
    """Load the model in a folder, for example `models/digits`.

    Args:
        folder: what the stage `train` wrote.
        settings: keys of the config's section `sample`, on which records depend: `seed`, `labels`, `truncation`,
            `batch_size`, `shard_size`, `encoding`, `jpeg_quality`. Others have their defaults. `Dataset.settings` are a dataset's.

    Raises:
        UserError: there is no such folder, no model in it, it is damaged, or the settings are not allowed.
    """
    path = local_folder(folder, "models/digits")
    sample = sample_section(settings)
    if sample.filters:
        raise UserError(
            "settings: filters: a model generates records without filters. Leave them out; "
            "`Dataset.regenerate` makes the records of a filtered dataset."
        )
    pair = load_pair(path)
    try:
        name, classes = pair.description["name"], tuple(pair.label_names)
        trained_with = pair.description["recipe"]["precision"]
    except (KeyError, TypeError) as error:
        raise UserError(f"{path / DESCRIPTION}: lacks {error}. Train or fetch the model again.") from None
    # As `precision: auto` of a config: bf16 where the hardware multiplies it.
    precision = "fp32" if trained_with == "fp32" else resolve_precision("auto", "cpu")
    generation = GenerationSettings.of(sample, pair.spec.condition, classes, precision)
    shape, spec = pair.spec.shape, pair.spec
    generator = RecordGenerator(pair, generation)
    dimensions = (shape.height, shape.width, shape.channels)
    return Model(name, classes, dimensions, spec.latent_size, pair.digest, generator, sample.shard_size)


def _require_one_call(count: int) -> None:
    if count > MOST_AT_ONCE:
        raise UserError(
            f"the number of records: found more than {MOST_AT_ONCE:,}, which is the most in one call. "
            "Generate them in several calls, by indices: `generate(range(FIRST, END))`."
        )


def _require(what: str, found: int, least: int, greatest: int) -> None:
    if not least <= found <= greatest:
        raise UserError(f"{what}: found {found}; allowed: {least} to {greatest}.")
