"""Adversarial losses, each a pair of functions of logits.

Real and fake logits are `float [N]`; each function returns a scalar. All are written on logits with softplus
(`-log D = softplus(-logit)`, `-log(1 - D) = softplus(logit)`), never as `log(D + eps)`, so none overflows.
A generator loss also sees the real logits, because relativistic pairing needs them; the others ignore them.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import relu, softplus


@dataclass(frozen=True)
class AdversarialLoss:
    """Both players' losses, and whether the generator's uses the real logits (it costs a pass of D when it does)."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]
    generator_sees_real: bool = False


def _relativistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return softplus(fake - real).mean()


def _relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    return softplus(real - fake).mean()


def _non_saturating_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return (softplus(-real).mean() + softplus(fake).mean()) / 2


def _non_saturating_generator(real: Tensor, fake: Tensor) -> Tensor:  # noqa: ARG001
    return softplus(-fake).mean() / 2


def _hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return relu(1 - real).mean() + relu(1 + fake).mean()


def _hinge_generator(real: Tensor, fake: Tensor) -> Tensor:  # noqa: ARG001
    return -fake.mean()


LOSSES = {
    # Jolicoeur-Martineau 2018 (arXiv:1807.00734), paired as in R3GAN (Huang et al. 2024, arXiv:2501.05441).
    "relativistic": AdversarialLoss(_relativistic_discriminator, _relativistic_generator, generator_sees_real=True),
    # Goodfellow et al. 2014 (arXiv:1406.2661), section 3: the generator maximises log D(G(z)).
    "non_saturating": AdversarialLoss(_non_saturating_discriminator, _non_saturating_generator),
    # Lim & Ye 2017 (arXiv:1705.02894), Miyato et al. 2018 (arXiv:1802.05957).
    "hinge": AdversarialLoss(_hinge_discriminator, _hinge_generator),
}
