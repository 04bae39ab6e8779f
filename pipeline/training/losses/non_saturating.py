"""Define the non-saturating loss of Goodfellow et al. 2014 (arXiv:1406.2661), section 3.

See also Goodfellow 2016 (arXiv:1701.00160), section 3.2.3.
"""

from torch import Tensor
from torch.nn.functional import softplus

from pipeline.training.adversarial_loss import AdversarialLoss, cross_entropy


def _generator(_: Tensor, fake: Tensor) -> Tensor:
    """Return -E log D(G(z)) / 2: it has a gradient also where the discriminator is sure."""
    return softplus(-fake).mean() / 2


LOSS = AdversarialLoss(cross_entropy, _generator)
