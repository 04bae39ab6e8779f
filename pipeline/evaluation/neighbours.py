"""Nearest neighbours among features, in pieces that fit into memory."""

import torch
from torch import Tensor

CHUNK = 4_096  # rows of a distance matrix at a time
NEIGHBOURS = 5


def nearest_distances(points: Tensor, references: Tensor, neighbour: int = 1) -> Tensor:
    """Euclidean distance of each point to its nearest reference, or to its second nearest with `neighbour` 2, ...

    `float [N, features]`, `float [M, features]` -> `float [N]`.
    """
    found = []
    for chunk in points.split(CHUNK):
        nearest = torch.full((len(chunk), neighbour), torch.inf)
        for others in references.split(CHUNK):
            candidates = torch.cat([nearest, torch.cdist(chunk, others)], dim=1)
            nearest = candidates.topk(neighbour, dim=1, largest=False, sorted=True).values
        found.append(nearest[:, -1])
    return torch.cat(found)


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


def _some(points: Tensor, count: int) -> Tensor:
    return points[torch.randperm(len(points), generator=torch.Generator().manual_seed(0))[:count]]
