"""Coverage and precision, against the whole distance matrix at once."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from torch import Tensor

from pipeline.evaluation.neighbours import NEIGHBOURS, coverage, precision

SEEDS = st.integers(0, 2**32)


def points(seed: int, count: int, features: int = 4) -> Tensor:
    return torch.randn(count, features, generator=torch.Generator().manual_seed(seed))


def by_hand(fake: Tensor, real: Tensor) -> float:
    radii = []
    for row, distances in enumerate(cdist(real, real)):
        others = sorted(distance for column, distance in enumerate(distances) if column != row)
        radii.append(others[NEIGHBOURS - 1])
    covered = [min(distances) < radius for distances, radius in zip(cdist(real, fake), radii, strict=True)]
    return sum(covered) / len(covered)


@given(seed=SEEDS, count=st.integers(NEIGHBOURS + 1, 60), apart=st.floats(0, 4))
@settings(derandomize=True)  # a distance that is a radius but for its rounding must turn up for everybody or nobody
def test_coverage_is_the_paper_s(seed: int, count: int, apart: float) -> None:
    fake, real = apart + points(seed, count), points(seed + 1, count)
    assert coverage(fake, real) == pytest.approx(by_hand(fake, real))


def test_equal_sets_cover_each_other() -> None:
    assert coverage(points(0, 300), points(0, 300)) == 1


def test_sets_of_one_distribution_cover_each_other_almost_everywhere() -> None:
    # Of a point's neighbours any is as likely a fake as a real one: at least one of six is a fake, 1 - 2 ** -6 or so.
    assert coverage(points(0, 2000), points(1, 2000)) == pytest.approx(0.97, abs=0.02)


def test_a_dropped_half_is_not_covered() -> None:
    real = points(0, 600)
    real[::2] += 20
    fake = points(1, 600)  # of one of the two halves alone
    assert coverage(fake, real) == pytest.approx(0.5, abs=0.03)


def test_many_fakes_of_one_kind_cover_next_to_nothing() -> None:
    assert coverage(points(1, 1).expand(500, -1), points(0, 200)) < 0.1


@pytest.mark.parametrize(("fakes", "reals"), [(20_000, 500), (500, 20_000)])
def test_more_points_of_one_side_change_nothing(fakes: int, reals: int) -> None:
    assert coverage(points(0, fakes), points(1, reals)) == pytest.approx(0.97, abs=0.03)


# Precision -----------------------------------------------------------------------------------------------------------


def precision_by_hand(fake: Tensor, real: Tensor) -> float:
    radii = []
    for row, distances in enumerate(cdist(real, real)):
        others = sorted(distance for column, distance in enumerate(distances) if column != row)
        radii.append(others[NEIGHBOURS - 1])
    inside = [any(d < radius for d, radius in zip(row, radii, strict=True)) for row in cdist(fake, real)]
    return sum(inside) / len(inside)


@given(seed=SEEDS, count=st.integers(NEIGHBOURS + 1, 60), apart=st.floats(0, 4))
@settings(derandomize=True)
def test_precision_is_the_paper_s(seed: int, count: int, apart: float) -> None:
    fake, real = apart + points(seed, count), points(seed + 1, count)
    assert precision(fake, real) == pytest.approx(precision_by_hand(fake, real))


def test_fakes_of_one_kind_are_precise_and_far_ones_are_not() -> None:
    real = points(0, 600)
    real[::2] += 20
    assert precision(points(1, 600), real) == pytest.approx(1, abs=0.1)
    assert precision(points(1, 600) - 20, real) == 0
