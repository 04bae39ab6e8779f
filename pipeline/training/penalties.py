"""Zero-centred gradient penalties on the discriminator."""

import torch
from torch import Tensor


def squared_gradient_norms(logits: Tensor, images: Tensor) -> Tensor:
    """||d logit / d image||^2 of each image (Mescheder et al. 2018, arXiv:1801.04406, eq. 9).

    `logits: float [N]`, `images: float [N, C, H, W]` with `requires_grad` -> `float [N]`, differentiable.
    The gradient of the sum gives each image's own gradient, as no layer of the discriminator mixes images.
    """
    (gradients,) = torch.autograd.grad(logits.sum(), images, create_graph=True)
    return gradients.float().square().sum(dim=(1, 2, 3))
