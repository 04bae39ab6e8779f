"""Adversarial losses, each a pair of functions of logits.

Real and fake logits are `float [N]`; each function returns a scalar. All are written on logits with softplus
(`-log D = softplus(-logit)`, `-log(1 - D) = softplus(logit)`), never as `log(D + eps)`, so none overflows.
A generator loss also sees the real logits, because relativistic pairing needs them; the others ignore them.
Where the two distributions are equal, logit 0 (D = 1/2) is an optimum of every discriminator loss here.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import relu, softplus

# exp(logit) goes on as its tangent from here: the gradient stays that of the end, and float32 does not overflow.
LARGEST_EXPONENT = 10.0


@dataclass(frozen=True)
class AdversarialLoss:
    """Both players' losses, and whether the generator's uses the real logits (it costs a pass of D when it does)."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]
    generator_sees_real: bool = False


def _cross_entropy(real: Tensor, fake: Tensor) -> Tensor:
    """-E log D(x) / 2 - E log(1 - D(G(z))) / 2: the discriminator's loss in all three games of 2014."""
    return (softplus(-real).mean() + softplus(fake).mean()) / 2


def _minimax(real: Tensor, fake: Tensor) -> Tensor:
    """E log(1 - D(G(z))) / 2: the negative of the discriminator's, without its real term, which no generator moves."""
    return -softplus(fake).mean() / 2


def _non_saturating(real: Tensor, fake: Tensor) -> Tensor:
    """-E log D(G(z)) / 2: a gradient also where the discriminator is sure."""
    return softplus(-fake).mean() / 2


def _maximum_likelihood(real: Tensor, fake: Tensor) -> Tensor:
    """-E exp(logit) / 2: with the best discriminator its gradient is that of the likelihood."""
    within = fake.clamp(max=LARGEST_EXPONENT)
    return -(within.exp() * (1 + fake - within)).mean() / 2


def _hinge_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return relu(1 - real).mean() + relu(1 + fake).mean()


def _lower_critic(real: Tensor, fake: Tensor) -> Tensor:
    return -fake.mean()


def _least_squares_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return ((real - 1).square().mean() + (fake + 1).square().mean()) / 2


def _least_squares_generator(real: Tensor, fake: Tensor) -> Tensor:
    return fake.square().mean() / 2


def _wasserstein_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return fake.mean() - real.mean()


def _relativistic_discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return softplus(fake - real).mean()


def _relativistic_generator(real: Tensor, fake: Tensor) -> Tensor:
    return softplus(real - fake).mean()


LOSSES = {
    # Goodfellow et al. 2014 (arXiv:1406.2661), and Goodfellow 2016 (arXiv:1701.00160), sections 3.2.1 to 3.2.4.
    "minimax": AdversarialLoss(_cross_entropy, _minimax),
    "non_saturating": AdversarialLoss(_cross_entropy, _non_saturating),
    "maximum_likelihood": AdversarialLoss(_cross_entropy, _maximum_likelihood),
    # Lim & Ye 2017 (arXiv:1705.02894), Miyato et al. 2018 (arXiv:1802.05957).
    "hinge": AdversarialLoss(_hinge_discriminator, _lower_critic),
    # Mao et al. 2017 (arXiv:1611.04076), eq. 8: targets -1 for fake, 1 for real, 0 for the generator.
    "least_squares": AdversarialLoss(_least_squares_discriminator, _least_squares_generator),
    # Arjovsky et al. 2017 (arXiv:1701.07875); with the penalty `gp`, Gulrajani et al. 2017 (arXiv:1704.00028).
    "wgan_gp": AdversarialLoss(_wasserstein_discriminator, _lower_critic),
    # Jolicoeur-Martineau 2018 (arXiv:1807.00734), paired as in R3GAN (Huang et al. 2024, arXiv:2501.05441).
    "relativistic": AdversarialLoss(_relativistic_discriminator, _relativistic_generator, generator_sees_real=True),
}
