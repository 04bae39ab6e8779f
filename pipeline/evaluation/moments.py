"""Gather mean and covariance of features piece by piece: what a Fréchet distance needs of endlessly many images."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float64]  # [N, features]


@dataclass(frozen=True)
class Moments:
    """Hold the mean of `count` feature vectors, `float64 [features]`, and the scatter around it.

    `scatter: float64 [features, features]` is the sum of the outer products of their deviations from the mean. The
    covariance is that over `count - 1`.
    """

    count: int
    mean: NDArray[np.float64]
    scatter: NDArray[np.float64]

    @classmethod
    def of(cls, features: Features) -> Self:
        """Return the moments of `float [N, features]`, N at least 1."""
        mean = features.mean(axis=0)
        off = features - mean
        return cls(len(features), mean, off.T @ off)

    def merged(self, other: "Moments") -> "Moments":
        """Return the moments of both sets together, as of one set.

        The sums are those of Chan, Golub & LeVeque 1979 (STAN-CS-79-773), eq. 2.1.
        """
        count = self.count + other.count
        apart = other.mean - self.mean
        mean = self.mean + apart * (other.count / count)
        scatter = self.scatter + other.scatter + np.outer(apart, apart) * (self.count * other.count / count)
        return Moments(count, mean, scatter)

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Return the covariance, `float64 [features, features]`; `count` is at least 2."""
        covariance: NDArray[np.float64] = self.scatter / (self.count - 1)
        return covariance


def frechet(a: Moments, b: Moments) -> float:
    """Return the squared Fréchet distance of the Gaussians with these moments.

    It follows Heusel et al. 2017 (arXiv:1706.08500), eq. 6. The trace of the root of the covariances' product is taken
    from eigenvalues of a symmetric form of it. That stays real and defined when a covariance is singular, as with
    features that never fire.
    """
    mean_term = float(((a.mean - b.mean) ** 2).sum())
    values, vectors = np.linalg.eigh(a.covariance)
    root_a = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    root_trace = np.sqrt(np.linalg.eigvalsh(root_a @ b.covariance @ root_a).clip(min=0)).sum()
    return max(mean_term + float(np.trace(a.covariance) + np.trace(b.covariance) - 2 * root_trace), 0.0)
