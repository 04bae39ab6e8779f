"""The kernel distance: against torchmetrics, without bias, and as sure as it says."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torchmetrics.image.kid import KernelInceptionDistance

from pipeline.evaluation.kernel import discrepancy, kernel_distance

Features = NDArray[np.float64]


def sample(seed: int, count: int, shift: float = 0.0, size: int = 16) -> Features:
    return np.random.default_rng(seed).normal(shift, 1, size=(count, size))


class Given(nn.Module):
    """Features in the place of images, for metrics that want to compute them."""

    num_features = 16

    def forward(self, features: Tensor) -> Tensor:
        return features


@pytest.mark.parametrize("shift", [0.0, 0.1, 1.0])
def test_it_is_the_field_s_kid_on_the_same_features(shift: float) -> None:
    fake, real = sample(0, 500, shift), sample(1, 500)
    metric = KernelInceptionDistance(feature=Given(), subsets=1, subset_size=500)
    metric.set_dtype(torch.float64)
    metric.update(torch.from_numpy(real), real=True)
    metric.update(torch.from_numpy(fake), real=False)
    assert discrepancy(fake, real) == pytest.approx(float(metric.compute()[0]), rel=1e-3, abs=1e-6)


def test_the_error_says_how_far_from_the_truth_the_figure_is() -> None:
    # Of one distribution the truth is 0, whatever the number of images.
    found = [kernel_distance(sample(seed, 2_000), sample(1_000 + seed, 2_000)) for seed in range(40)]
    away = np.array([value / error for value, error in found])
    assert abs(away.mean()) < 0.6
    assert 0.7 < away.std() < 2  # Student's t with four degrees of freedom: 1.4


def test_it_grows_with_the_shift_and_does_not_depend_on_the_number_of_images() -> None:
    distances = [kernel_distance(sample(0, 5_000, shift), sample(1, 5_000))[0] for shift in (0.0, 0.1, 0.2, 0.4)]
    assert distances == sorted(distances)
    fewer, error = kernel_distance(sample(0, 500, 0.4), sample(1, 500))
    assert fewer == pytest.approx(distances[-1], abs=4 * error)


def test_ten_images_of_each_are_enough_for_a_figure_with_an_error() -> None:
    value, error = kernel_distance(sample(0, 10), sample(1, 12))
    assert np.isfinite([value, error]).all()
    assert error > 0
