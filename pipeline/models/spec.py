"""What defines a generator-discriminator pair."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PairSpec:
    """Everything needed to build the two networks (sizes in px)."""

    architecture: str  # mlp, dcgan, resnet or r3
    resolution: int
    image_size: int  # of the stored image; at most `resolution`, to which it is padded
    channels: int
    classes: int  # that both networks are conditioned on; 0: unconditional, labels are ignored
    latent_size: int
    latent_prior: str  # normal or uniform
    width: int
    generator_norm: str = "pixel"  # pixel, batch or none
    discriminator_norm: str = "none"  # none, batch or spectral
    minibatch_deviation: bool = False  # the discriminator sees how much the images of its batch differ

    @property
    def conditional(self) -> bool:
        return self.classes > 0
