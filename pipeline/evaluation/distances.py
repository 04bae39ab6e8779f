"""Measure distances between sets of images on an embedder's features."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from pipeline.evaluation.moments import Features, Moments, frechet


def frechet_distance(a: Features, b: Features) -> float:
    """Return the squared Fréchet distance of the Gaussians fitted to two sets."""
    return _frechet_of_few(a, b) if min(len(a), len(b)) < a.shape[1] else frechet(Moments.of(a), Moments.of(b))


def _frechet_of_few(a: Features, b: Features) -> float:
    """Return the Fréchet distance of sets of fewer images than features, without a matrix of features by features.

    The covariances' product and the images' products with each other, A B^T of the centred features, share their
    eigenvalues but for zeros. So the trace of the root is the sum of that matrix's singular values.
    """
    mean_a, mean_b = a.mean(axis=0), b.mean(axis=0)
    off_a, off_b = (a - mean_a) / np.sqrt(len(a) - 1), (b - mean_b) / np.sqrt(len(b) - 1)
    root_trace = np.linalg.svdvals(off_a @ off_b.T).sum()
    traces = np.square(off_a).sum() + np.square(off_b).sum()
    return max(float(np.square(mean_a - mean_b).sum() + traces - 2 * root_trace), 0.0)


def frechet_at_infinity(a: Features, b: Features, sizes: int = 10) -> float:
    """Estimate what `frechet_distance` would be of endlessly many images of both kinds.

    The distance of N images is too large by a term in 1 / N (Chong & Forsyth 2020, arXiv:1911.07023, section 3). A line
    through the distances of ever smaller parts of both sets, down to a fifth, is followed to 1 / N = 0. The estimate
    can fall below 0 by its error.
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
    """Return the mean pairwise Euclidean distance within each class, over its first `limit` members: `float [classes]`.

    A class with fewer than two members has NaN.
    """
    return np.array(
        [
            pdist(members).mean() if len(members) > 1 else np.nan
            for members in (features[labels == label][:limit] for label in range(classes))
        ]
    )
