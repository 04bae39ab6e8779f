"""Define an adversarial loss as a pair of functions of logits; each file in `losses/` holds one.

Real and fake logits are `float [N]`; each function returns a scalar. All are written on logits with softplus
(`-log D = softplus(-logit)`, `-log(1 - D) = softplus(logit)`), never as `log(D + eps)`, so none overflows. A generator
loss also receives the real logits, because relativistic pairing needs them; the others ignore them. Where the two
distributions are equal, logit 0 (D = 1/2) is an optimum of every discriminator loss there.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import softplus


@dataclass(frozen=True)
class AdversarialLoss:
    """Hold the losses of discriminator and generator.

    `generator_sees_real` says whether the generator's loss uses the real logits, which costs another pass of D.
    """

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]
    generator_sees_real: bool = False


def cross_entropy(real: Tensor, fake: Tensor) -> Tensor:
    """Return -E log D(x) / 2 - E log(1 - D(G(z))) / 2.

    It is the discriminator's loss in all three games of 2014: minimax, non-saturating and maximum likelihood.
    """
    return (softplus(-real).mean() + softplus(fake).mean()) / 2


def raise_critic(_: Tensor, fake: Tensor) -> Tensor:
    """Return -E D(G(z)): the loss of a generator whose critic has unbounded outputs."""
    return -fake.mean()
