"""Hold what metrics are measured from."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np

from pipeline.base.metric import MetricValues, Need
from pipeline.embedding.nearest import nearest_rows
from pipeline.evaluation.resampling import random_subset

# Imported for types alone: what is measured does not depend on their code, see `CODE_OF_REAL`.
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from pipeline.base.progress_meter import Track
    from pipeline.config.schema import Audit
    from pipeline.embedding.embedder import Embedder
    from pipeline.embedding.external import FeatureSpace
    from pipeline.evaluation.dataset_stats import DatasetStats
    from pipeline.evaluation.privacy import Labelled, NearestRows
    from pipeline.models.weights import TrainedPair


@dataclass(frozen=True)
class OtherSpace:
    """Hold the feature space that the config asks for besides the embedder's."""

    kind: Literal["inception", "onnx"]
    path: str
    space: FeatureSpace


@dataclass(frozen=True)
class AuditedRecords:
    """Hold the records of a dataset on disk that was read back whole."""

    dataset_id: str
    stats: DatasetStats
    comparisons: int  # records whose distances to training images are measured, at most
    settings: Audit

    @cached_property
    def compared(self) -> Tensor:
        """Return the records to compare, `uint8 [N, C, H, W]`.

        In a full audit these are hundreds of MB, so they are copied only when first asked for.
        """
        return random_subset(self.stats.images, self.comparisons)


def _at_once(_name: str, _identity: dict[str, object], compute: Callable[[], MetricValues]) -> MetricValues:
    return compute()


def _untracked(doing: str, total: int, unit: str, *, even: bool = True) -> Callable[[int], None]:  # noqa: ARG001
    return lambda _: None


@dataclass(frozen=True)
class Evidence:
    """Hold all that a stage has to measure from: synthetic images, real ones, and networks.

    Properties that take long to compute are computed when they are first asked for.
    """

    embedder: Embedder
    pair: TrainedPair
    names: Sequence[str]  # of the classes of the data
    fake: Tensor  # synthetic images, uint8 [N, C, H, W]
    requested: Tensor | None  # labels that they were asked for, int64 [N]; None without labels
    holdout: Labelled  # real images, which nothing was trained on
    load_train: Callable[[], Labelled]
    data_digest: str  # of the canonical dataset that these two are of
    seed: int  # of the choice of training images that stand in for synthetic ones
    other: OtherSpace | None = None
    records: AuditedRecords | None = None  # None in `evaluate`, which measures generated images alone
    say: Callable[[str], None] = lambda _: None  # tells the user what takes long
    # Begins such work, of so many items; what it returns is told of each number of them that are done.
    track: Track = _untracked
    # Returns what was once computed, kept from run to run: NAME of the file, all that the result depends on, the work.
    cached: Callable[[str, dict[str, object], Callable[[], MetricValues]], MetricValues] = _at_once

    @property
    def available(self) -> frozenset[Need]:
        """Return which of the needs of metrics are met."""
        met = {
            Need.NO_LABELS if self.requested is None else Need.LABELS,
            Need.CLASSES if len(self.names) > 1 else Need.ONE_CLASS,
        }
        if self.other is not None:
            met.add(Need(self.other.kind))
        if self.records is not None:
            met.add(Need.RECORDS)
            met |= {Need.FULL} if self.records.settings.full else set()
        return frozenset(met)

    @cached_property
    def train(self) -> Labelled:
        """Return the training images and their labels."""
        return self.load_train()

    @cached_property
    def stand_ins(self) -> Tensor:
        """Return as many training images as there are synthetic ones, or all: the same random choice each time."""
        images, _ = self.train
        return images[np.random.default_rng(self.seed).permutation(len(images))[: len(self.fake)]]

    @cached_property
    def fake_features(self) -> Tensor:
        """Return the features of the synthetic images: `float [N, features]`, as are all features."""
        return self.embedder.features(self.fake)

    @cached_property
    def holdout_features(self) -> Tensor:
        """Return the features of the holdout's images."""
        return self.embedder.features(self.holdout[0])

    @cached_property
    def train_features(self) -> Tensor:
        """Return the features of all training images."""
        return self.embedder.features(self.train[0])

    @cached_property
    def stand_in_features(self) -> Tensor:
        """Return the features of `stand_ins`."""
        return self.embedder.features(self.stand_ins)

    @cached_property
    def compared_features(self) -> Tensor:
        """Return the features of the records that are compared with training images; only an audit has these."""
        assert self.records is not None
        return self.embedder.features(self.records.compared)

    @cached_property
    def nearest_train(self) -> NearestRows:
        """Return the distance from each compared record to its nearest training image, and that image's row."""
        return nearest_rows(self.compared_features, self.train_features)
