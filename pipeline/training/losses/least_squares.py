"""Define the least-squares loss of Mao et al. 2017 (arXiv:1611.04076), equation 8.

The targets are -1 for fake, 1 for real, and 0 for the generator.
"""

from torch import Tensor

from pipeline.training.adversarial_loss import AdversarialLoss


def _discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return ((real - 1).square().mean() + (fake + 1).square().mean()) / 2


def _generator(_: Tensor, fake: Tensor) -> Tensor:
    return fake.square().mean() / 2


LOSS = AdversarialLoss(_discriminator, _generator)
