"""Affine warps of images that can be differentiated twice, as gradient penalties through an augmentation need."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.training.augment import BACKGROUND


def warp(images: Tensor, sources: Tensor) -> Tensor:
    """Affine warp with bilinear sampling; black comes in from beyond the edges.

    `images: float [N, C, S, S]`; `sources: float [N, 2, 3]` takes x, y of the result to x, y of the image, both on [-1, 1]
    from edge to edge -> `float [N, C, S, S]`.
    """
    grid = F.affine_grid(sources, list(images.shape), align_corners=False)
    # The sampler lets in zeros.
    sampled: Tensor = _Sample.apply(images - BACKGROUND, grid)  # type: ignore[no-untyped-call]  # so in torch
    return sampled + BACKGROUND


class _Sample(torch.autograd.Function):
    """`F.grid_sample`, whose own second derivative torch has only since 2.13. It is linear in the images."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, grid: Tensor) -> Tensor:
        ctx.save_for_backward(grid)
        ctx.shape = images.shape
        return F.grid_sample(images, grid, align_corners=False)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        (grid,) = ctx.saved_tensors
        return _SampleTransposed.apply(gradients[0], grid, ctx.shape), None  # type: ignore[no-untyped-call]


class _SampleTransposed(torch.autograd.Function):
    """The transpose of `_Sample`, whose derivative is `_Sample` again."""

    @staticmethod
    def forward(ctx: Any, gradients: Tensor, grid: Tensor, shape: torch.Size) -> Tensor:
        ctx.save_for_backward(grid)
        images = gradients.new_zeros(()).expand(shape)  # only its shape matters
        bilinear = zeros = 0
        transposed: Tensor
        transposed, _ = torch.ops.aten.grid_sampler_2d_backward(
            gradients, images, grid, bilinear, zeros, False, [True, False]
        )
        return transposed

    @staticmethod
    def backward(ctx: Any, *outer: Tensor) -> tuple[Tensor, None, None]:
        (grid,) = ctx.saved_tensors
        return _Sample.apply(outer[0], grid), None, None  # type: ignore[no-untyped-call]
