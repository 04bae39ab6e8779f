"""Nearest neighbours among features, in pieces that fit into memory."""

import torch
from torch import Tensor

CHUNK = 4_096  # rows of a distance matrix at a time


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
