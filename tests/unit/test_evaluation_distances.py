"""Distances against closed forms and a second implementation."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.linalg import sqrtm
from torch import Tensor, nn
from torchmetrics.image.fid import FrechetInceptionDistance

from pipeline.evaluation.distances import frechet_at_infinity, frechet_distance, within_class_diversity
from pipeline.evaluation.moments import Moments, frechet

Features = NDArray[np.float64]


def sample(seed: int, count: int = 400, size: int = 5) -> Features:
    random = np.random.default_rng(seed)
    return random.normal(size=(count, size)) @ random.normal(size=(size, size)) + random.normal(size=size)


class Given(nn.Module):
    """Features in the place of images, for metrics that want to compute them."""

    num_features = 5

    def forward(self, features: Tensor) -> Tensor:
        return features


def with_moments(mean: Features, covariance: Features, count: int = 200) -> Features:
    """A sample whose mean and covariance are exactly these."""
    white = np.random.default_rng(0).normal(size=(count, len(mean)))
    white -= white.mean(axis=0)
    white = white @ np.linalg.inv(np.linalg.cholesky(np.cov(white, rowvar=False))).T
    return white @ np.linalg.cholesky(covariance).T + mean


@given(seed=st.integers(0, 1000))
@settings(max_examples=20)
def test_a_set_is_at_no_distance_from_itself_in_any_order(seed: int) -> None:
    features = sample(seed)
    shuffled = np.random.default_rng(seed).permutation(features)
    assert frechet_distance(features, shuffled) == pytest.approx(0, abs=1e-9 * np.trace(np.cov(features.T)))


@given(first=st.integers(0, 1000), second=st.integers(0, 1000))
@settings(max_examples=20)
def test_it_equals_the_formula_with_the_matrix_square_root_and_is_symmetric(first: int, second: int) -> None:
    a, b = sample(first), sample(second, count=300)
    covariances = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    mean_term = ((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum()
    expected = mean_term + np.trace(sum(covariances) - 2 * sqrtm(covariances[0] @ covariances[1]).real)
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6, abs=1e-6)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-6, abs=1e-6)


@given(seed=st.integers(0, 1000), few=st.integers(2, 59), many=st.integers(2, 200))
@settings(max_examples=30)
def test_of_fewer_images_than_features_it_is_what_the_covariances_give(seed: int, few: int, many: int) -> None:
    a, b = sample(seed, count=few, size=60), sample(seed + 1, count=many, size=60)
    expected = frechet(Moments.of(a), Moments.of(b))
    assert frechet_distance(a, b) == pytest.approx(expected, rel=1e-6)
    assert frechet_distance(b, a) == pytest.approx(expected, rel=1e-6)


def test_a_shift_costs_its_square() -> None:
    a = sample(0)
    assert frechet_distance(a, a + np.array([3, 4, 0, 0, 0])) == pytest.approx(25)


def test_gaussians_along_the_same_axes_have_the_closed_form() -> None:
    a = with_moments(np.zeros(3), np.diag([1.0, 4.0, 9.0]))
    b = with_moments(np.array([1.0, 0.0, 2.0]), np.diag([4.0, 4.0, 1.0]))
    deviations = (1 - 2) ** 2 + (2 - 2) ** 2 + (3 - 1) ** 2
    assert frechet_distance(a, b) == pytest.approx(1 + 4 + deviations)


def test_features_that_never_fire_are_no_obstacle() -> None:
    a, b = sample(1), sample(2)
    alive = frechet_distance(a[:, :3], b[:, :3])
    a[:, 3:] = b[:, 3:] = 0
    assert frechet_distance(a, b) == pytest.approx(alive)


def test_fewer_images_than_features_are_no_obstacle() -> None:
    a, b = sample(1, count=4, size=10), sample(2, count=4, size=10)
    assert frechet_distance(a, a) == pytest.approx(0, abs=1e-5)
    assert np.isfinite(frechet_distance(a, b))
    assert frechet_distance(a, b) > 0


def test_it_grows_with_noise() -> None:
    a, noise = sample(3), np.random.default_rng(9).normal(size=(400, 5))
    distances = [frechet_distance(a, a + amount * noise) for amount in (0, 0.5, 1, 2, 4)]
    assert distances == sorted(distances)
    assert distances[1] > 0.01


def test_it_is_the_field_s_fid_on_the_same_features() -> None:
    a, b = sample(4), sample(5)
    metric = FrechetInceptionDistance(feature=Given())
    metric.set_dtype(torch.float64)
    metric.update(torch.from_numpy(a), real=True)
    metric.update(torch.from_numpy(b), real=False)
    assert frechet_distance(a, b) == pytest.approx(float(metric.compute()), rel=1e-3)


def test_fewer_images_make_it_too_large_and_the_extrapolation_does_not() -> None:
    size = 32
    random = np.random.default_rng(0)
    a, b = random.normal(size=(2_000, size)), random.normal(0.1, 1.1, size=(2_000, size))
    truth = size * (0.1**2 + 0.1**2)  # of the two Gaussians
    few = frechet_distance(a, b)
    assert few > truth + 0.2
    assert frechet_at_infinity(a, b) == pytest.approx(truth, abs=0.1)
    assert frechet_at_infinity(a, random.normal(size=(2_000, size))) == pytest.approx(0, abs=0.1)


def test_diversity_is_the_mean_distance_within_each_class() -> None:
    features = np.array([[0.0, 0], [0, 0], [3, 4], [7, 7], [1, 0], [1, 8]])
    labels = np.array([0, 1, 0, 2, 1, 1])
    first, second, alone, absent = within_class_diversity(features, labels, classes=4, limit=10)
    assert first == pytest.approx(5)
    assert second == pytest.approx((1 + np.hypot(1, 8) + 8) / 3)
    assert np.isnan([alone, absent]).all()


def test_diversity_looks_at_the_first_members_only() -> None:
    features, labels = np.array([[0.0], [2.0], [100.0]]), np.zeros(3, dtype=np.int64)
    assert within_class_diversity(features, labels, classes=1, limit=2).tolist() == [2]


def test_collapse_within_a_class_shows_as_no_diversity() -> None:
    features = np.concatenate([np.ones((20, 5)), sample(0, count=20)])
    collapsed, varied = within_class_diversity(features, np.repeat([0, 1], 20), classes=2, limit=100)
    assert collapsed == 0
    assert varied > 1
