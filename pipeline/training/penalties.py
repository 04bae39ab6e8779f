"""Compute gradient penalties on the discriminator."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Penalties:
    """Hold the weights of the gradient penalties.

    Each is lazy: applied every k-th step, k times as strong (Karras et al. 2020, arXiv:1912.04958, appendix B).
    """

    r1: float = 0.0  # on real images
    r2: float = 0.0  # on fake ones
    gp: float = 0.0  # on mixtures of the two
    every: int = 1  # steps
    final_share: float = 1.0  # what is left of the weights at the end of the run

    def due(self, step: int) -> bool:
        return step % self.every == 0 and (self.r1 > 0 or self.r2 > 0 or self.gp > 0)


def squared_gradient_norms(logits: Tensor, images: Tensor) -> Tensor:
    """Return ||d logit / d image||^2 of each image, which is R1 on real images and R2 on fake ones.

    See Mescheder et al. 2018, arXiv:1801.04406, eq. 9. `logits: float [N]`, `images: float [N, C, H, W]` with
    `requires_grad` -> `float [N]`, differentiable. The gradient of the sum gives each image's own gradient, as no layer
    of the discriminator mixes images.
    """
    (gradients,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradients.float().square().sum(dim=(1, 2, 3))


def mixed_images(real: Tensor, fake: Tensor, shares: Tensor) -> Tensor:
    """Return points between real and fake images, at which `gp` wants slopes of 1.

    `shares: float [N]` in [0, 1) are the shares of the real images.
    """
    return torch.lerp(fake, real, shares[:, None, None, None])


def slope_penalties(squared_norms: Tensor) -> Tensor:
    """Return (||gradient|| - 1)^2 of each image: `float [N]` in and out.

    See Gulrajani et al. 2017, arXiv:1704.00028, eq. 3.
    """
    # The root has no derivative at 0.
    return ((squared_norms + 1e-12).sqrt() - 1).square()
