"""Moments gathered in pieces are those of the whole."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.evaluation.moments import Moments, frechet


@given(parts=st.lists(st.integers(1, 40), min_size=1, max_size=6), seed=st.integers(0, 100), far=st.floats(-1e3, 1e3))
def test_pieces_merged_are_the_whole(parts: list[int], seed: int, far: float) -> None:
    """Also far from the origin, where sums of squares would lose their digits."""
    features = np.random.default_rng(seed).normal(far, 2, size=(sum(parts), 3))
    pieces = [Moments.of(piece) for piece in np.split(features, np.cumsum(parts)[:-1])]
    gathered = pieces[0]
    for piece in pieces[1:]:
        gathered = gathered.merged(piece)
    whole = Moments.of(features)
    assert gathered.count == whole.count
    np.testing.assert_allclose(gathered.mean, whole.mean, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(gathered.scatter, whole.scatter, rtol=1e-6, atol=1e-6)


def test_the_covariance_is_numpy_s() -> None:
    features = np.random.default_rng(0).normal(size=(50, 4))
    np.testing.assert_allclose(Moments.of(features).covariance, np.cov(features, rowvar=False), rtol=1e-12)


def test_gaussians_with_the_same_axes_are_apart_by_their_means_and_deviations() -> None:
    a = Moments(11, np.array([0.0, 1.0]), 10 * np.diag([4.0, 9.0]))
    b = Moments(11, np.array([3.0, 1.0]), 10 * np.diag([1.0, 9.0]))
    assert frechet(a, b) == pytest.approx(3**2 + (2 - 1) ** 2)
    assert frechet(a, a) == pytest.approx(0, abs=1e-9)
