"""Warp images affinely and twice differentiably, as gradient penalties through an augmentation need."""

from torch import Tensor
from torch.nn import functional as F

from pipeline.training.augment import BACKGROUND


def warp(images: Tensor, sources: Tensor) -> Tensor:
    """Warp images affinely with bilinear sampling; black comes in from beyond the edges.

    `images: float [N, C, H, W]` -> `float [N, C, H, W]`. `sources: float [N, 2, 3]` takes x, y of the result to x, y of
    the image, both on [-1, 1] from edge to edge.
    """
    grid = F.affine_grid(sources, list(images.shape), align_corners=False)
    # The sampler lets in zeros.
    return F.grid_sample(images - BACKGROUND, grid, align_corners=False) + BACKGROUND
