"""Compare two sets of images by nearest neighbours among their features."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.embedding.nearest import CHUNK, nearest_distances

NEIGHBOURS = 5


@dataclass(frozen=True)
class Neighbourhoods:
    """Hold a neighbourhood of each point: the space nearer to it than its own fifth neighbour of the same set.

    `points: float [N, features]`, `radii: float [N]`.
    """

    points: Tensor
    radii: Tensor

    @classmethod
    def of(cls, points: Tensor) -> "Neighbourhoods":
        """Return the neighbourhoods of a set; one neighbour more is sought, since the nearest is the point itself."""
        return cls(points, nearest_distances(points, points, NEIGHBOURS + 1))

    def holding(self, others: Tensor) -> Tensor:
        """Return how many of the neighbourhoods hold each of `others`, `float [M, features]`: `int64 [M]`."""
        return torch.cat([(torch.cdist(chunk, self.points) < self.radii).sum(dim=1) for chunk in others.split(CHUNK)])


def coverage(fake: Tensor, real: Tensor) -> float:
    """Return the share of the real points that have a fake one in their neighbourhood.

    It follows Naeem et al. 2020 (arXiv:2002.09797), eq. 6, with equally many points of both, as there: more fakes would
    cover more. Of a larger set the same random choice is taken each time. Equal distributions have about 0.97. Fakes
    are `float [N, features]`, reals `float [M, features]`.
    """
    fake, real = equal_size(fake, real)
    return _covered(fake, Neighbourhoods.of(real))


def neighbour_metrics(fake: Tensor, real: Tensor) -> dict[str, float]:
    """Return precision, recall, density and coverage of `float [N, features]` fakes and `float [M, features]` reals.

    All take equally many points of both, as in `coverage`. Precision is the share of the fake points that lie in a real
    neighbourhood, recall that of the real ones in a fake one. Both follow Kynkäänniemi et al. 2019 (arXiv:1904.06991),
    eq. 2 and 3.

    Density is the mean number of real neighbourhoods that hold a fake point, over the number of neighbours (Naeem et
    al. 2020, arXiv:2002.09797, eq. 5). It is about 1 for equal distributions, and a single outlier with a large
    neighbourhood does not lead it astray.
    """
    fake, real = equal_size(fake, real)
    real_neighbourhoods, fake_neighbourhoods = Neighbourhoods.of(real), Neighbourhoods.of(fake)
    real_around_fake = real_neighbourhoods.holding(fake)
    return {
        "precision": float((real_around_fake > 0).float().mean()),
        "recall": float((fake_neighbourhoods.holding(real) > 0).float().mean()),
        "density": float(real_around_fake.float().mean() / NEIGHBOURS),
        "coverage": _covered(fake, real_neighbourhoods),
    }


def _covered(fake: Tensor, real: Neighbourhoods) -> float:
    return float((nearest_distances(real.points, fake) < real.radii).float().mean())


def equal_size(fake: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """Return as many points of both; of the larger set the same random choice each time."""
    count = min(len(fake), len(real))
    fake, real = (
        points[torch.randperm(len(points), generator=torch.Generator().manual_seed(0))[:count]]
        for points in (fake, real)
    )
    return fake, real
