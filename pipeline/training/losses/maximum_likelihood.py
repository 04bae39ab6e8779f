"""Define the maximum likelihood game of Goodfellow 2016 (arXiv:1701.00160), section 3.2.4."""

from torch import Tensor

from pipeline.training.adversarial_loss import AdversarialLoss, cross_entropy

# exp(logit) goes on as its tangent from here: the gradient stays that of the end, and float32 does not overflow.
LARGEST_EXPONENT = 10.0


def _generator(_: Tensor, fake: Tensor) -> Tensor:
    """Return -E exp(logit) / 2: with the best discriminator its gradient is that of the likelihood."""
    within = fake.clamp(max=LARGEST_EXPONENT)
    return -(within.exp() * (1 + fake - within)).mean() / 2


LOSS = AdversarialLoss(cross_entropy, _generator)
