"""Precision, recall, density and coverage, against the whole distance matrix at once and the authors' own code."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from prdc import compute_prdc
from scipy.spatial.distance import cdist
from torch import Tensor

from pipeline.evaluation.neighbours import NEIGHBOURS, coverage, neighbour_metrics

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


# All four -------------------------------------------------------------------------------------------------------------


@given(seed=SEEDS, count=st.integers(NEIGHBOURS + 2, 60), apart=st.floats(0, 4))
@settings(derandomize=True)
def test_all_four_are_those_of_the_authors_own_code(seed: int, count: int, apart: float) -> None:
    fake, real = apart + points(seed, count), points(seed + 1, count)
    theirs = compute_prdc(real.double().numpy(), fake.double().numpy(), nearest_k=NEIGHBOURS)
    assert neighbour_metrics(fake, real) == pytest.approx(theirs, abs=1e-3)


def test_fakes_of_one_kind_are_precise_but_recall_half_and_far_ones_are_neither() -> None:
    real = points(0, 600)
    real[::2] += 20
    figures = neighbour_metrics(points(1, 600), real)
    assert figures["precision"] == pytest.approx(1, abs=0.1)
    assert figures["recall"] == pytest.approx(0.5, abs=0.1)
    assert neighbour_metrics(points(1, 600) - 20, real) == {"precision": 0, "recall": 0, "density": 0, "coverage": 0}


def test_an_outlier_among_the_reals_makes_fakes_around_it_precise_but_not_dense() -> None:
    real = points(0, 500)
    real[0] += 30
    around_it = points(1, 500) + 25
    figures = neighbour_metrics(around_it, real)
    assert figures["precision"] > 0.9  # within the outlier's neighbourhood, which reaches to the others
    assert figures["density"] < 0.3
