"""What an adversarial loss is: a pair of functions of logits. `losses/` has one in each file.

Real and fake logits are `float [N]`; each function returns a scalar. All are written on logits with softplus
(`-log D = softplus(-logit)`, `-log(1 - D) = softplus(logit)`), never as `log(D + eps)`, so none overflows.
A generator loss also sees the real logits, because relativistic pairing needs them; the others ignore them.
Where the two distributions are equal, logit 0 (D = 1/2) is an optimum of every discriminator loss there.
"""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import softplus


@dataclass(frozen=True)
class AdversarialLoss:
    """Both players' losses, and whether the generator's uses the real logits (it costs a pass of D when it does)."""

    discriminator: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor, Tensor], Tensor]
    generator_sees_real: bool = False


def cross_entropy(real: Tensor, fake: Tensor) -> Tensor:
    """-E log D(x) / 2 - E log(1 - D(G(z))) / 2: the discriminator's loss in all three games of 2014."""
    return (softplus(-real).mean() + softplus(fake).mean()) / 2


def raise_critic(_: Tensor, fake: Tensor) -> Tensor:
    """-E D(G(z)): the generator's loss beside a critic whose outputs have no bound."""
    return -fake.mean()
