"""Define what a generator-discriminator pair is built from."""

from dataclasses import dataclass

from pipeline.images.shape import ImageShape
from pipeline.models.condition import Condition
from pipeline.models.conditions import CONDITIONS

NAMED_BY_CLASSES = ("none", "class")  # conditions that `PairSpec.classes` tells apart


@dataclass(frozen=True)
class PairSpec:
    """Hold everything needed to build the two networks (sizes in px).

    Building refuses what an architecture cannot be: see `pipeline.models.pair`.
    """

    architecture: str  # mlp, dcgan, resnet or r3
    resolution: int  # a power of two from 8; any size for mlp, which has no convolutions
    image_size: int  # of the stored image; at most `resolution`, to which it is padded
    channels: int
    classes: int  # that both networks are conditioned on; 0: unconditional, labels are ignored
    latent_size: int
    latent_prior: str  # normal or uniform
    width: int  # channels of the largest feature maps (mlp: a sixteenth of a hidden layer's units)
    generator_norm: str = "pixel"  # pixel, batch or none; r3 has none
    discriminator_norm: str = "none"  # none, batch or spectral; r3 has none
    discriminator_width: int | None = None  # where it is not `width`

    @property
    def shape(self) -> ImageShape:
        """Return the shape of the stored image."""
        return ImageShape.square(self.channels, self.image_size)

    @property
    def condition(self) -> Condition:
        """Return the condition, which says what is requested of records; a stored model has it from `classes` alone."""
        return CONDITIONS["class" if self.classes else "none"](self.classes)
