"""How two sets of images lie to each other, by nearest neighbours among features."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pipeline.embedding.nearest import CHUNK, nearest_distances

NEIGHBOURS = 5


@dataclass(frozen=True)
class Neighbourhoods:
    """A neighbourhood of each point: what lies nearer to it than its own fifth neighbour of the same set.

    `points: float [N, features]`, `radii: float [N]`.
    """

    points: Tensor
    radii: Tensor

    @classmethod
    def of(cls, points: Tensor) -> "Neighbourhoods":
        """The nearest point is the point itself, hence one more."""
        return cls(points, nearest_distances(points, points, NEIGHBOURS + 1))

    def holding(self, others: Tensor) -> Tensor:
        """In how many of the neighbourhoods each of `others`, `float [M, features]`, lies: `int64 [M]`."""
        return torch.cat([(torch.cdist(chunk, self.points) < self.radii).sum(dim=1) for chunk in others.split(CHUNK)])


def coverage(fake: Tensor, real: Tensor) -> float:
    """Share of the real points with a fake one in their neighbourhood.

    Naeem et al. 2020 (arXiv:2002.09797), eq. 6, of equally many points of both, as there: more fakes would cover more.
    Where there are more of one, the same random choice of them each time. Equal distributions have about 0.97.
    `float [N, features]`, `float [M, features]`.
    """
    fake, real = equal_size(fake, real)
    return _covered(fake, Neighbourhoods.of(real))


def neighbour_metrics(fake: Tensor, real: Tensor) -> dict[str, float]:
    """Precision, recall, density and coverage, of equally many points of both, as in `coverage`.

    Precision is the share of the fake points that lie in some real neighbourhood, recall that of the real ones in some fake one
    (Kynkäänniemi et al. 2019, arXiv:1904.06991, eq. 2 and 3). Density is the mean number of real neighbourhoods that hold a fake
    point, over the number of neighbours (Naeem et al. 2020, arXiv:2002.09797, eq. 5): about 1 for equal distributions, and not
    led astray by a single outlier with a large neighbourhood. `float [N, features]`, `float [M, features]`.
    """
    fake, real = equal_size(fake, real)
    of_real, of_fake = Neighbourhoods.of(real), Neighbourhoods.of(fake)
    real_around_fake = of_real.holding(fake)
    return {
        "precision": float((real_around_fake > 0).float().mean()),
        "recall": float((of_fake.holding(real) > 0).float().mean()),
        "density": float(real_around_fake.float().mean() / NEIGHBOURS),
        "coverage": _covered(fake, of_real),
    }


def _covered(fake: Tensor, real: Neighbourhoods) -> float:
    return float((nearest_distances(real.points, fake) < real.radii).float().mean())


def equal_size(fake: Tensor, real: Tensor) -> tuple[Tensor, Tensor]:
    """As many points of both; of the larger set the same random choice each time."""
    count = min(len(fake), len(real))
    fake, real = (
        points[torch.randperm(len(points), generator=torch.Generator().manual_seed(0))[:count]]
        for points in (fake, real)
    )
    return fake, real
