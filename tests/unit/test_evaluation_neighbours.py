"""Nearest neighbours and coverage, against the whole distance matrix at once."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from torch import Tensor

from pipeline.evaluation import neighbours
from pipeline.evaluation.neighbours import NEIGHBOURS, coverage, nearest_distances

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


@given(seed=SEEDS, count=st.integers(1, 40), references=st.integers(3, 60), neighbour=st.integers(1, 3))
def test_distances_are_those_of_the_whole_matrix(seed: int, count: int, references: int, neighbour: int) -> None:
    a, b = points(seed, count), points(seed + 1, references)
    expected = torch.from_numpy(cdist(a, b)).sort(dim=1).values[:, neighbour - 1].float()
    torch.testing.assert_close(nearest_distances(a, b, neighbour), expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_the_size_of_the_pieces_does_not_matter(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    a, b = points(0, 50), points(1, 80)
    whole = [nearest_distances(a, b, 3), torch.tensor(coverage(a, b))]
    monkeypatch.setattr(neighbours, "CHUNK", chunk)
    for found, expected in zip([nearest_distances(a, b, 3), torch.tensor(coverage(a, b))], whole, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-3, rtol=1e-3)


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


def test_copies_lie_at_no_distance() -> None:
    images = points(0, 100, features=64)
    assert nearest_distances(images[:10], images).max() < 0.01
    assert nearest_distances(images[:10], images[10:]).min() > 1
