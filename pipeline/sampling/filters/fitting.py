"""Fit the filters that a config names to a model and to its training data."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from pipeline.base.errors import UserError
from pipeline.config.filters import FilterKeys
from pipeline.data.canonical import require_shape
from pipeline.data.description import Split, describe
from pipeline.data.parquet_blocks import ParquetBlocks
from pipeline.embedding.embedder import Embedder, load_embedder
from pipeline.embedding.nearest import nearest_distances
from pipeline.models.labels import labels_of
from pipeline.sampling.filters.filter import Filter
from pipeline.sampling.filters.kinds import FILTERS
from pipeline.sampling.generate import RecordGenerator, reproducible_numerics

FIT_SEED = 2**32  # above all seeds of datasets


def fit_filters(wanted: Sequence[FilterKeys], generator: RecordGenerator, model: Path, data: Path) -> list[Filter]:
    """Return the fitted filters, in the order of the config.

    Args:
        wanted: the filters' keys, as in the config.
        generator: generates the records that the filters are for.
        model: folder of the model, which also holds its embedder.
        data: folder of the canonical dataset, read only where a filter compares with training images.

    Raises:
        UserError: the model or the data do not allow these filters.
    """
    with reproducible_numerics():
        return [FILTERS[each.kind].fit(each, ModelFitting(each.kind, generator, model, data)) for each in wanted]


@dataclass(frozen=True)
class TrainingImages:
    """Hold the features of the training images, as the embedder computes them."""

    embedder: Embedder
    features: Tensor  # float [M, features]
    digest: str  # of the canonical dataset

    @property
    def description(self) -> dict[str, object]:
        """Return the digests of the embedder and of the data."""
        return {"embedder": self.embedder.digest, "data": self.digest}

    def distances(self, images: Tensor) -> Tensor:
        """Return the distance of each image to its nearest training image: `uint8 [N, C, H, W]` -> `float [N]`."""
        return nearest_distances(self.embedder.features(images), self.features)


@dataclass(frozen=True)
class ModelFitting:
    """Offer a model and its training data for the fitting of one filter."""

    kind: str  # the filter's
    generator: RecordGenerator
    model: Path
    data: Path

    @property
    def classes(self) -> int:
        """Return the number of classes of the model; 0 where it has no labels."""
        return self.generator.pair.spec.classes

    @property
    def discriminates(self) -> bool:
        """Return whether the discriminator tells real images from generated ones better than a coin, in every class."""
        return min(self.generator.pair.calibration.slopes) > 0

    def generated(self, images_per_label: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """Return calibrated logits and labels, `[N]` each, of generated images.

        There are `images_per_label` images of each label that occurs.
        """
        settings = self.generator.settings
        occurring = np.unique(settings.label_cycle)
        generator = RecordGenerator(self.generator.pair, replace(settings, seed=FIT_SEED, label_cycle=occurring))
        firsts = range(0, images_per_label * len(occurring), settings.batch_size)
        logits = np.concatenate([generator.batch(first).logits for first in firsts]).astype(np.float64)
        return logits, labels_of(occurring, 0, len(logits))

    def nearest_training_image(self) -> TrainingImages:
        """Return an object that measures the distance to the nearest training image.

        Raises:
            UserError: the data at hand is not what the model was trained on.
        """
        return self._training_images

    def validation_distances(self) -> tuple[Tensor, Tensor]:
        """Return the distance of each image of `validation` to its nearest training image, `float [N]`, and labels, `int64 [N]`."""
        training = self._training_images
        held_out, labels = _features(training.embedder, self.data, "validation")
        return nearest_distances(held_out, training.features), labels

    @cached_property
    def _training_images(self) -> TrainingImages:
        embedder = load_embedder(self.model)
        digest = describe(self.data).digest
        if digest != self.generator.pair.description["data"]["digest"]:
            raise UserError(
                f"sample.filters: {self.kind} compares with the images that the model was trained on, and {self.data} holds others; "
                "give the right ones with --data."
            )
        require_shape(self.data, embedder.shape, embedder.classes, wanted_by="the embedder")
        references, _ = _features(embedder, self.data, "train")
        return TrainingImages(embedder, references, digest)


def _features(embedder: Embedder, data: Path, split: Split) -> tuple[Tensor, Tensor]:
    """Return the features and labels of a split, which is read in blocks: `(float [N, features], int64 [N])`."""
    blocks = ParquetBlocks(data, split)
    features, labels = [], []
    for block in range(blocks.count):
        images, block_labels = blocks.load(block)
        features.append(embedder.features(images))
        labels.append(block_labels)
    return torch.cat(features), torch.cat(labels)
