"""From a config to the networks and the recipe that training and its forecasts go by."""

from pipeline.config import Config
from pipeline.models.conditions import CONDITIONS
from pipeline.models.precision import resolve_precision
from pipeline.models.spec import PairSpec
from pipeline.training.recipe import Recipe

WGAN_GP_WEIGHT = 10.0  # Gulrajani et al. 2017 (arXiv:1704.00028), algorithm 1
GENERATOR_NORMS = {"mlp": "none", "dcgan": "pixel", "resnet": "pixel", "r3": "none"}


def recipe_of(config: Config, device: str) -> Recipe:
    """Return how to train, with what `auto` stands for on `device` (cpu, cuda)."""
    train, penalty = config.train, config.train.penalty
    return Recipe(
        loss=train.loss,
        r1=penalty.r1,
        r2=penalty.r2,
        gp=penalty.gp if penalty.gp is not None else (WGAN_GP_WEIGHT if train.loss == "wgan_gp" else 0.0),
        penalty_every=penalty.every,
        penalty_final_share=penalty.final_share,
        total_images=train.total_images,
        batch_size=train.batch_size,
        accumulation=train.accumulation,
        learning_rate=train.learning_rate,
        final_learning_rate=train.final_learning_rate,
        schedule=train.schedule,
        warmup_images=train.warmup_images,
        discriminator_rate=train.discriminator_rate,
        betas=train.betas,
        ema_half_life_images=train.ema_half_life_images,
        checkpoint_every_images=train.checkpoint_every_images,
        augmentation=train.augmentation,
        ada_target=train.ada_target,
        x_flip=train.x_flip,
        precision=resolve_precision(train.precision, device),
        compile_generator=train.compile,
        policies=train.diagnostics.model_dump(),
        seed=train.seed,
    )


def spec_of(config: Config, classes: int) -> PairSpec:
    """The networks that `config` asks for, for data of so many classes."""
    model = config.model
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
