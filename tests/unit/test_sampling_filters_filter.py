"""Which candidates pass, by known ratios and known distances."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.sampling.filters.filter import Accepted, Candidates, DensityRatio, first_refusals


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


@dataclass
class Refusing:
    """Refuses the images with some pixels, and remembers which it was shown."""

    pixels: set[int]
    kind = "refusing"
    about: Any = None

    def accepts(self, candidates: Candidates) -> Accepted:
        self.shown = candidates.images.flatten().tolist()
        return np.array([pixel not in self.pixels for pixel in self.shown], dtype=bool)


def test_each_candidate_is_refused_by_the_first_filter_that_does_and_later_ones_do_not_see_it() -> None:
    first, second = Refusing({1, 2}), Refusing({2, 3})
    refused_by = first_refusals([first, second], candidates(np.zeros(5), np.zeros(5, np.int64)))
    assert refused_by.tolist() == [-1, 0, 0, 1, -1]
    assert second.shown == [0, 3, 4]


def test_filters_after_one_that_refused_all_have_nothing_to_do() -> None:
    refused_by = first_refusals([Refusing({0, 1}), DensityRatio([0.0])], candidates(np.zeros(2), np.zeros(2, np.int64)))
    assert refused_by.tolist() == [0, 0]
