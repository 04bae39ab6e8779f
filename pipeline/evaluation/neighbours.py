"""How two sets of images lie to each other, by nearest neighbours among features."""

import torch
from torch import Tensor

from pipeline.embedding.nearest import CHUNK, nearest_distances

NEIGHBOURS = 5


def coverage(fake: Tensor, real: Tensor) -> float:
    """Share of the real points with a fake one nearer than their own fifth real neighbour.

    Naeem et al. 2020 (arXiv:2002.09797), eq. 6, of equally many points of both, as there: more fakes would cover more.
    Where there are more of one, the same random choice of them each time. Equal distributions have about 0.97.
    `float [N, features]`, `float [M, features]`.
    """
    count = min(len(fake), len(real))
    fake, real = _some(fake, count), _some(real, count)
    # The nearest real point is the point itself.
    radii = nearest_distances(real, real, NEIGHBOURS + 1)
    return float((nearest_distances(real, fake) < radii).float().mean())


def precision(fake: Tensor, real: Tensor) -> float:
    """Share of the fake points that lie nearer to some real one than that one's own fifth real neighbour.

    Kynkäänniemi et al. 2019 (arXiv:1904.06991), eq. 2 and 3, of equally many points of both, as in `coverage`.
    `float [N, features]`, `float [M, features]`.
    """
    count = min(len(fake), len(real))
    fake, real = _some(fake, count), _some(real, count)
    radii = nearest_distances(real, real, NEIGHBOURS + 1)
    inside = [(torch.cdist(chunk, real) < radii).any(dim=1) for chunk in fake.split(CHUNK)]
    return float(torch.cat(inside).float().mean())


def _some(points: Tensor, count: int) -> Tensor:
    return points[torch.randperm(len(points), generator=torch.Generator().manual_seed(0))[:count]]
