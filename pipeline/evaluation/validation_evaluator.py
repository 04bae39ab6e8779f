"""Evaluate a generator while it trains: its distance to `validation`, collapse, memorisation, and sample images."""

from pathlib import Path

import torch
from torch import Tensor, nn

from pipeline.data.canonical import load_split
from pipeline.data.parquet_blocks import ParquetBlocks
from pipeline.embedding.embedder import load_embedder
from pipeline.embedding.nearest import nearest_distances
from pipeline.evaluation.calibration import calibrate
from pipeline.evaluation.class_quality import class_quality
from pipeline.evaluation.distances import frechet_distance
from pipeline.evaluation.neighbours import coverage
from pipeline.images.grid import write_grid
from pipeline.models.calibration import Calibration
from pipeline.models.generate import discriminate, generate_pixels
from pipeline.models.latents import balanced_labels, interpolate, latents
from pipeline.models.spec import PairSpec

EVALUATED_IMAGES = 5_000
CALIBRATED_IMAGES = 10_000  # fakes that the discriminator is calibrated with
COMPARED_IMAGES = 500  # fakes, held-out reals and training images in the metrics of memorisation
EVALUATION_SEED = 2**32 - 1
GRID_ROWS, GRID_COLUMNS = 10, 10
BATCH = 500


class ValidationEvaluator:
    """Measure a pair on `validation`, by which choices are made; `holdout` is only measured after them.

    Args:
        embedder: folder of the embedder.
        data: folder of the canonical dataset.
        spec: the generator's shape.
        precision: fp32 or bf16.
    """

    criterion = "validation_fd_domain"

    def __init__(self, embedder: Path, data: Path, spec: PairSpec, precision: str) -> None:
        self.embedder = load_embedder(embedder)
        self._real, self._real_labels = load_split(data, "validation")
        self._real_features = self.embedder.features(self._real)
        self.classes = self.embedder.classes
        self.spec = spec
        self.precision = precision
        # Files may be sorted by class: a random choice, and as many training images of each class.
        self._shuffled = torch.randperm(len(self._real), generator=torch.Generator().manual_seed(0))
        chosen = self._shuffled[:COMPARED_IMAGES]
        self._compared, self._compared_labels = self._real[chosen], self._real_labels[chosen]
        self._train_features, self._compared_train, self._train_labels = self._scan_train(ParquetBlocks(data, "train"))
        self._real_nearest = nearest_distances(self._real_features[chosen], self._train_features).median()

    def _scan_train(self, train: ParquetBlocks) -> tuple[Tensor, Tensor, Tensor]:
        """Return the features of all training images, and training images with labels to set against held-out reals.

        There is one for each of the compared reals, of the same class, as far as the class has so many.
        """
        features, waiting = [], self._compared_labels.clone()
        found = torch.zeros_like(self._compared)
        for block in range(train.count):
            images, labels = train.load(block)
            features.append(self.embedder.features(images))
            for label in waiting[waiting >= 0].unique().tolist():
                places = (waiting == label).nonzero()[:, 0]
                rows = (labels == label).nonzero()[: len(places), 0]
                found[places[: len(rows)]] = images[rows]
                waiting[places[: len(rows)]] = -1
        rows = (waiting < 0).nonzero()[:, 0]
        return torch.cat(features), found[rows], self._compared_labels[rows]

    def __call__(self, generator: nn.Module, discriminator: nn.Module) -> dict[str, float]:
        """Return the metrics of a pair, each named `validation_…`.

        They are `fd_domain`, `coverage`, and the quality of classes: `label_accuracy`, `diversity_min` and
        `diversity_mean` (within each class, as a share of the reals'). Of one class alone `diversity_all` takes their
        place.

        Two say whether training images were memorised. `nearest_ratio` is the median distance to the nearest of all
        training images, over that of held-out reals. `discriminator_overfit` is 0 where the discriminator scores
        held-out reals like training images, and 1 where it scores them like fakes. It follows Karras et al. 2020
        (arXiv:2006.06676), eq. 1, and is left out where the discriminator tells none apart.
        """
        # The same latents every time: what changes between two measurements is the generator alone.
        z = self._latents(EVALUATED_IMAGES)
        labels = balanced_labels(0, EVALUATED_IMAGES, self.classes)
        features = self.embedder.features(self._generate(generator, z, labels))
        requested = self.spec.condition.labels(labels)
        quality = class_quality(
            self.embedder, features, requested, self._real_features, self._real_labels, self.classes
        )
        quality.pop("diversity", None)
        metrics = {
            "fd_domain": frechet_distance(features.double().numpy(), self._real_features.double().numpy()),
            **quality,
            "coverage": coverage(features, self._real_features),
            "nearest_ratio": self._nearest_ratio(features),
            **self._overfit(generator, discriminator),
        }
        return {f"validation_{name}": value for name, value in metrics.items()}

    def _nearest_ratio(self, features: Tensor) -> float:
        return float(nearest_distances(features[:COMPARED_IMAGES], self._train_features).median() / self._real_nearest)

    def _overfit(self, generator: nn.Module, discriminator: nn.Module) -> dict[str, float]:
        labels = self._compared_labels
        made = self._generate(generator, self._latents(len(labels)), labels)
        train, real, fake = (
            discriminate(discriminator, self.spec, images, of_class, batch_size=BATCH, precision=self.precision).mean()
            for images, of_class in (
                (self._compared_train, self._train_labels),
                (self._compared, labels),
                (made, labels),
            )
        )
        return {"discriminator_overfit": float((train - real) / (train - fake))} if train != fake else {}

    def calibrate(self, generator: nn.Module, discriminator: nn.Module) -> tuple[Calibration, float]:
        """Return the calibration of a finished pair, and how surely its discriminator tells real from fake (0.5 to 1).

        The reals are the held-out ones of `validation`.
        """
        condition = self.spec.condition
        of_fakes = balanced_labels(0, CALIBRATED_IMAGES, condition.groups)
        fakes = self._generate(generator, self._latents(CALIBRATED_IMAGES), of_fakes)
        of_reals = self._real_labels[self._shuffled]
        real_logits, fake_logits = (
            discriminate(discriminator, self.spec, images, labels, batch_size=BATCH, precision=self.precision)
            for images, labels in ((self._real[self._shuffled], of_reals), (fakes, of_fakes))
        )
        return calibrate(
            real_logits.double().numpy(),
            condition.group(of_reals).numpy(),
            fake_logits.double().numpy(),
            condition.group(of_fakes).numpy(),
            condition.groups,
        )

    def grid(self, generator: nn.Module, path: Path) -> None:
        """Write a PNG with a row for each of the first classes; of one class alone all rows are of it."""
        labels = self._of_rows.repeat_interleave(GRID_COLUMNS)
        images = self._generate(generator, self._latents(len(labels)), labels)
        write_grid(path, images.permute(0, 2, 3, 1).numpy(), GRID_COLUMNS)

    def interpolation(self, generator: nn.Module, path: Path) -> None:
        """Write a PNG whose rows go from one latent to another.

        A smooth change says that no image is learned by heart.
        """
        rows = len(self._of_rows)
        labels = self._of_rows.repeat_interleave(GRID_COLUMNS)
        ends = self._latents(2 * rows)
        z = torch.cat([interpolate(ends[2 * row], ends[2 * row + 1], GRID_COLUMNS, self.spec.latent_prior)
                       for row in range(rows)])  # fmt: skip
        images = self._generate(generator, z, labels)
        write_grid(path, images.permute(0, 2, 3, 1).numpy(), GRID_COLUMNS)

    @property
    def _of_rows(self) -> Tensor:
        """Return the label of each row of a grid, `int64 [rows]`."""
        return (
            torch.zeros(GRID_ROWS, dtype=torch.int64)
            if self.classes < 2
            else torch.arange(min(self.classes, GRID_ROWS))
        )

    def _latents(self, count: int) -> Tensor:
        return latents(EVALUATION_SEED, 0, count, self.spec.latent_size, self.spec.latent_prior)

    def _generate(self, generator: nn.Module, z: Tensor, labels: Tensor) -> Tensor:
        return generate_pixels(generator, self.spec, z, labels, batch_size=BATCH, precision=self.precision)
