"""Define the Wasserstein loss of Arjovsky et al. 2017 (arXiv:1701.07875).

With the penalty `gp` it is WGAN-GP (Gulrajani et al. 2017, arXiv:1704.00028).
"""

from torch import Tensor

from pipeline.training.adversarial_loss import AdversarialLoss, raise_critic


def _discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return fake.mean() - real.mean()


LOSS = AdversarialLoss(_discriminator, raise_critic)
