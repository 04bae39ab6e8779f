"""Rejection by the discriminator: what passes, by known ratios, and what a fit to a model keeps."""

from pathlib import Path

import numpy as np
import pytest
import torch

from pipeline.config.schema import Sample
from pipeline.models.weights import TrainedPair
from pipeline.sampling.filters.filter import Candidates
from pipeline.sampling.filters.fitting import fit_filters
from pipeline.sampling.filters.kinds.density_ratio import DensityRatio, DensityRatioFilter
from pipeline.sampling.generate import RecordGenerator
from pipeline.sampling.settings import GenerationSettings
from pipeline.sampling.shards.ranges import ShardPlan
from tests.unit.tiny import CLASSES, SAMPLE, SETTINGS

pytestmark = pytest.mark.usefixtures("one_thread")


def candidates(log_ratios: np.ndarray, labels: np.ndarray, seed: int = 0) -> Candidates:
    count = len(log_ratios)
    return Candidates(
        images=torch.arange(count, dtype=torch.uint8)[:, None, None, None],
        labels=torch.from_numpy(labels),
        log_ratios=log_ratios.astype(np.float32),
        chances=np.random.default_rng(seed).uniform(size=count),
    )


def test_candidates_pass_as_often_as_their_ratio_is_a_share_of_the_bound() -> None:
    count = 20_000
    labels = np.arange(count) % 2
    ratios = np.where(np.arange(count) % 4 < 2, 0.5, 4.0)  # of both labels half each
    passed = DensityRatio([np.log(2.0), np.log(8.0)]).accepts(candidates(np.log(ratios), labels))
    for label, ratio, share in ((0, 0.5, 0.25), (0, 4.0, 1.0), (1, 0.5, 0.0625), (1, 4.0, 0.5)):
        rows = (labels == label) & (ratios == ratio)
        assert passed[rows].mean() == pytest.approx(share, abs=0.02)


def test_what_passes_without_a_bound_is_distributed_as_the_reals_are() -> None:
    # Generated: standard normal; real: normal around 0.5 with half the spread, whose ratio has a greatest value.
    x = np.random.default_rng(1).normal(size=200_000)
    log_ratios = np.log(2) - 2 * (x - 0.5) ** 2 + x**2 / 2
    passed = DensityRatio([float(log_ratios.max())]).accepts(candidates(log_ratios, np.zeros(len(x), np.int64)))
    assert x[passed].mean() == pytest.approx(0.5, abs=0.01)
    assert x[passed].std() == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("acceptance", [0.2, 0.7])
def test_of_each_class_the_share_asked_for_passes(tiny_pair: TrainedPair, acceptance: float, tmp_path: Path) -> None:
    wanted = DensityRatioFilter(kind="density_ratio", acceptance=acceptance)
    (ratio,) = fit_filters([wanted], RecordGenerator(tiny_pair, SETTINGS), tmp_path, tmp_path)
    for name in CLASSES:
        how = GenerationSettings.of(
            Sample(**SAMPLE | {"labels": {name: 1}, "batch_size": 60, "shard_size": 600}),
            tiny_pair.spec.condition,
            CLASSES,
            "fp32",
        )
        kept = RecordGenerator(tiny_pair, how, [ratio]).shard(ShardPlan(0, 0, 600))
        assert 600 / (600 + kept.refused["density_ratio"]) == pytest.approx(acceptance, abs=0.06)


def test_what_passes_looks_more_real_to_the_discriminator(tiny_pair: TrainedPair, tmp_path: Path) -> None:
    wanted = DensityRatioFilter(kind="density_ratio", acceptance=0.3)
    filters = fit_filters([wanted], RecordGenerator(tiny_pair, SETTINGS), tmp_path, tmp_path)
    plan = ShardPlan(0, 0, 300)
    plain, kept = (RecordGenerator(tiny_pair, SETTINGS, each).shard(plan).records for each in ((), filters))
    for label in range(len(CLASSES)):
        assert kept.logits[kept.labels == label].mean() > plain.logits[plain.labels == label].mean()
