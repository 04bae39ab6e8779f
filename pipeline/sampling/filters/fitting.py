"""Fitting the filters that a config names to a model and to its training data."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import brentq
from torch import Tensor

from pipeline.base.errors import UserError
from pipeline.config.schema import DensityRatioFilter, NearCopyFilter
from pipeline.config.schema import Filter as WantedFilter
from pipeline.data.blocks import ParquetBlocks
from pipeline.data.canonical import require_shape
from pipeline.data.description import Split, describe
from pipeline.embedding.embedder import Embedder, load_embedder
from pipeline.embedding.nearest import nearest_distances
from pipeline.models.weights import TrainedPair
from pipeline.runs.fingerprint import six_digits
from pipeline.sampling.candidates import GenerationSettings, draw_batch, reproducible_numerics
from pipeline.sampling.filters.filter import DensityRatio, Filter, NearCopy

FITTED_IMAGES = 1_000  # generated of each label
FIT_SEED = 2**32  # above all seeds of datasets


def fit_filters(
    wanted: Sequence[WantedFilter], pair: TrainedPair, settings: GenerationSettings, model: Path, data: Path
) -> list[Filter]:
    """The filters, in the order of the config.

    Args:
        wanted: as in the config.
        pair: the model in use.
        settings: how records are drawn.
        model: folder of the model, which holds its embedder, too.
        data: folder of the canonical dataset, read only where a filter compares with training images.

    Raises:
        UserError: the model or the data do not allow them.
    """
    with reproducible_numerics():
        return [
            _density_ratio(each, pair, settings)
            if isinstance(each, DensityRatioFilter)
            else _near_copy(each, pair, load_embedder(model), data)
            for each in wanted
        ]


def _density_ratio(wanted: DensityRatioFilter, pair: TrainedPair, settings: GenerationSettings) -> DensityRatio:
    """Of the images of each label that the generator makes, the wanted share passes."""
    if min(pair.calibration.slopes) <= 0:
        raise UserError(
            "sample.filters: density_ratio goes by the discriminator, but this model's tells real images from fakes no better than a "
            "coin (discriminator_auc in its model.json); leave the filter out, or train longer."
        )
    occurring = np.unique(settings.label_cycle)
    how = replace(settings, seed=FIT_SEED, label_cycle=occurring)
    first = np.zeros(how.batch_size, np.int64)  # attempts
    firsts = range(0, FITTED_IMAGES * len(occurring), how.batch_size)
    drawn = [draw_batch(pair, how, index, first) for index in firsts]
    logits = torch.cat([batch.logits for batch in drawn]).double().numpy()
    labels = torch.cat([batch.labels for batch in drawn]).numpy()
    bounds = [0.0] * (int(occurring.max()) + 1)
    for label in occurring.tolist():
        bounds[label] = _log_bound(logits[labels == label], wanted.acceptance)
    return DensityRatio(bounds)


def _log_bound(log_ratios: NDArray[np.float64], acceptance: float) -> float:
    """The log c for which min(1, r / c) is `acceptance` on average, to six digits."""

    def surplus(log_bound: float) -> float:
        return float(np.exp(np.minimum(0, log_ratios - log_bound)).mean()) - acceptance

    # All pass at the least ratio; this far above the greatest, fewer than the share.
    return six_digits(brentq(surplus, log_ratios.min(), log_ratios.max() - np.log(acceptance) + 1))


def _near_copy(wanted: NearCopyFilter, pair: TrainedPair, embedder: Embedder, data: Path) -> NearCopy:
    """The distances that all but the wanted share of each class of `validation` keep from the training images."""
    digest = describe(data).digest
    if digest != pair.description["data"]["digest"]:
        raise UserError(
            f"sample.filters: near_copy compares with the images that the model was trained on, and {data} holds others; "
            "give the right ones with --data."
        )
    require_shape(data, **embedder.shape, wanted_by="the embedder")
    references, _ = _features(embedder, data, "train")
    held_out, labels = _features(embedder, data, "validation")
    distances = nearest_distances(held_out, references)
    groups = [distances[labels == label] for label in range(pair.spec.classes)] or [distances]
    # A class that validation has no image of is measured by all.
    allowed = [six_digits(float((group if len(group) else distances).quantile(wanted.share))) for group in groups]
    return NearCopy(embedder, references, allowed, digest)


def _features(embedder: Embedder, data: Path, split: Split) -> tuple[Tensor, Tensor]:
    """`(float [N, features], int64 [N])` of a split, read in blocks."""
    blocks = ParquetBlocks(data, split)
    features, labels = [], []
    for block in range(blocks.count):
        images, of_class = blocks.load(block)
        features.append(embedder.features(images))
        labels.append(of_class)
    return torch.cat(features), torch.cat(labels)
