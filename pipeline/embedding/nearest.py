"""Find nearest neighbours among features, in pieces that fit into memory."""

import torch
from torch import Tensor

CHUNK = 4_096  # rows of a distance matrix at a time


def nearest_distances(points: Tensor, references: Tensor, neighbour: int = 1) -> Tensor:
    """Return the Euclidean distance of each point to its nearest reference, or to its k-th nearest with `neighbour` k.

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


def nearest_rows(points: Tensor, references: Tensor) -> tuple[Tensor, Tensor]:
    """Return the distance of each point to its nearest reference, and the row of that reference.

    `float [N, features]`, `float [M, features]` -> `float [N]`, `int64 [N]`; the first of several equally near ones.
    """
    found = []
    for chunk in points.split(CHUNK):
        nearest, rows = torch.full((len(chunk),), torch.inf), torch.zeros(len(chunk), dtype=torch.int64)
        for first in range(0, len(references), CHUNK):
            distances, places = torch.cdist(chunk, references[first : first + CHUNK]).min(dim=1)
            nearer = distances < nearest
            nearest, rows = torch.where(nearer, distances, nearest), torch.where(nearer, first + places, rows)
        found.append((nearest, rows))
    distances, rows = (torch.cat(parts) for parts in zip(*found, strict=True))
    return distances, rows
