"""Turn a config into the networks that training and its forecasts use."""

from pipeline.base.errors import UserError
from pipeline.config import Config
from pipeline.models.conditions import CONDITIONS
from pipeline.models.spec import NAMED_BY_CLASSES, PairSpec

GENERATOR_NORMS = {"mlp": "none", "dcgan": "pixel", "resnet": "pixel", "r3": "none"}


def spec_of(config: Config, classes: int) -> PairSpec:
    """Return the networks that `config` asks for, for data of so many classes.

    Raises:
        UserError: a stored model cannot name the condition.
    """
    model = config.model
    if model.conditioning not in NAMED_BY_CLASSES:
        raise UserError(
            f"model.conditioning: {model.conditioning!r}: a stored model cannot name it yet (docs/architecture.md, Conditions); use "
            f"{' or '.join(NAMED_BY_CLASSES)}."
        )
    return PairSpec(
        architecture=model.architecture,
        resolution=model.resolution,
        image_size=config.data.size,
        channels=model.channels,
        classes=CONDITIONS[model.conditioning].conditioned_on(classes),
        latent_size=model.latent.size,
        latent_prior=model.latent.prior,
        width=model.width,
        discriminator_width=model.discriminator_width,
        generator_norm=GENERATOR_NORMS[model.architecture] if model.generator_norm == "auto" else model.generator_norm,
        discriminator_norm=model.discriminator_norm,
    )
