"""Register the adversarial losses: one a file, whose name is that of the loss in `train.loss`."""

from pipeline.base.registry import load_entries
from pipeline.training.adversarial_loss import AdversarialLoss

LOSSES: dict[str, AdversarialLoss] = {name: entry.LOSS for name, entry in load_entries(__name__).items()}
