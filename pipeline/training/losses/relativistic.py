"""Define the relativistic loss of Jolicoeur-Martineau 2018 (arXiv:1807.00734).

It is paired as in R3GAN (Huang et al. 2024, arXiv:2501.05441).
"""

from torch import Tensor
from torch.nn.functional import softplus

from pipeline.training.adversarial_loss import AdversarialLoss


def _discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return softplus(fake - real).mean()


def _generator(real: Tensor, fake: Tensor) -> Tensor:
    return softplus(real - fake).mean()


LOSS = AdversarialLoss(_discriminator, _generator, generator_sees_real=True)
