"""Define the hinge loss of Lim & Ye 2017 (arXiv:1705.02894) and Miyato et al. 2018 (arXiv:1802.05957)."""

from torch import Tensor
from torch.nn.functional import relu

from pipeline.training.adversarial_loss import AdversarialLoss, raise_critic


def _discriminator(real: Tensor, fake: Tensor) -> Tensor:
    return relu(1 - real).mean() + relu(1 + fake).mean()


LOSS = AdversarialLoss(_discriminator, raise_critic)
