"""Define the minimax game of Goodfellow et al. 2014 (arXiv:1406.2661), equation 1."""

from torch import Tensor
from torch.nn.functional import softplus

from pipeline.training.adversarial_loss import AdversarialLoss, cross_entropy


def _generator(_: Tensor, fake: Tensor) -> Tensor:
    """Return E log(1 - D(G(z))) / 2.

    It is the negative of the discriminator's loss, without its real term, which no generator moves.
    """
    return -softplus(fake).mean() / 2


LOSS = AdversarialLoss(cross_entropy, _generator)
