"""Distances to nearest neighbours, against the whole distance matrix at once."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from torch import Tensor

from pipeline.embedding import nearest
from pipeline.embedding.nearest import nearest_distances, nearest_rows

SEEDS = st.integers(0, 2**32)


def points(seed: int, count: int, features: int = 4) -> Tensor:
    return torch.randn(count, features, generator=torch.Generator().manual_seed(seed))


@given(seed=SEEDS, count=st.integers(1, 40), references=st.integers(3, 60), neighbour=st.integers(1, 3))
def test_distances_are_those_of_the_whole_matrix(seed: int, count: int, references: int, neighbour: int) -> None:
    a, b = points(seed, count), points(seed + 1, references)
    expected = torch.from_numpy(cdist(a, b)).sort(dim=1).values[:, neighbour - 1].float()
    torch.testing.assert_close(nearest_distances(a, b, neighbour), expected, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("chunk", [1, 7, 64])
def test_the_size_of_the_pieces_does_not_matter(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    a, b = points(0, 50), points(1, 80)
    whole = nearest_distances(a, b, 3)
    monkeypatch.setattr(nearest, "CHUNK", chunk)
    torch.testing.assert_close(nearest_distances(a, b, 3), whole, atol=1e-3, rtol=1e-3)


def test_copies_lie_at_no_distance() -> None:
    images = points(0, 100, features=64)
    assert nearest_distances(images[:10], images).max() < 0.01
    assert nearest_distances(images[:10], images[10:]).min() > 1


@given(seed=SEEDS, count=st.integers(1, 40), references=st.integers(1, 60), chunk=st.sampled_from([1, 7, 64]))
def test_the_nearest_rows_are_those_of_the_whole_matrix(seed: int, count: int, references: int, chunk: int) -> None:
    a, b = points(seed, count), points(seed + 1, references)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nearest, "CHUNK", chunk)
        distances, rows = nearest_rows(a, b)
    expected = torch.from_numpy(cdist(a, b)).min(dim=1)
    torch.testing.assert_close(distances, expected.values.float(), atol=1e-3, rtol=1e-3)
    assert rows.tolist() == expected.indices.tolist()
