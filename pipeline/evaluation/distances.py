"""Distances between sets of images, measured on an embedder's features."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

Features = NDArray[np.float64]  # [N, features]


def frechet_distance(a: Features, b: Features) -> float:
    """Squared Fréchet distance of the Gaussians fitted to two sets (Heusel et al. 2017, arXiv:1706.08500, eq. 6).

    The trace of the root of the covariances' product is taken from eigenvalues of a symmetric form of it, which
    stays real and defined when a covariance is singular, as with features that never fire.
    """
    mean_term = float(((a.mean(axis=0) - b.mean(axis=0)) ** 2).sum())
    covariance_a, covariance_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    values, vectors = np.linalg.eigh(covariance_a)
    root_a = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    root_trace = np.sqrt(np.linalg.eigvalsh(root_a @ covariance_b @ root_a).clip(min=0)).sum()
    return max(mean_term + float(np.trace(covariance_a) + np.trace(covariance_b) - 2 * root_trace), 0.0)


def frechet_error(a: Features, b: Features, rounds: int = 50) -> float:
    """Standard error of `frechet_distance`: its spread over sets drawn anew from both, with repeats (the bootstrap).

    Only the spread is used: repeats make a set less varied than it is, so the drawn distances are all too large.
    """
    random = np.random.default_rng(0)
    drawn = [
        frechet_distance(a[random.integers(len(a), size=len(a))], b[random.integers(len(b), size=len(b))])
        for _ in range(rounds)
    ]
    return float(np.std(drawn, ddof=1))


def frechet_at_infinity(a: Features, b: Features, sizes: int = 10) -> float:
    """What `frechet_distance` would be of endlessly many images of both kinds.

    That of N images is too large by a term in 1 / N (Chong & Forsyth 2020, arXiv:1911.07023, section 3): a line through the
    distances of ever smaller parts of both sets, down to a fifth, is followed to 1 / N = 0. It can come out below 0 by its error.
    """
    random = np.random.default_rng(0)
    smaller = min(len(a), len(b))
    counts = np.linspace(smaller / 5, smaller, sizes).astype(int)
    distances = [
        frechet_distance(random.permutation(a)[:count], random.permutation(b)[:count]) for count in counts.tolist()
    ]
    _, at_zero = np.polyfit(1 / counts, distances, deg=1)
    return float(at_zero)


def within_class_diversity(
    features: Features, labels: NDArray[np.int64], classes: int, limit: int
) -> NDArray[np.float64]:
    """Mean pairwise Euclidean distance within each class, over its first `limit` members: `float [classes]`.

    NaN for a class with fewer than two members.
    """
    return np.array(
        [
            pdist(members).mean() if len(members) > 1 else np.nan
            for members in (features[labels == label][:limit] for label in range(classes))
        ]
    )
