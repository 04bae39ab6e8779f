"""How to train: every choice that the outcome depends on, apart from networks and data."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """Every amount is counted in images; `batch_size` is global, whatever the number of workers."""

    loss: str  # a key of losses.LOSSES
    r1: float
    r2: float
    gp: float
    penalty_every: int  # steps
    penalty_final_share: float
    total_images: int
    batch_size: int
    accumulation: int  # parts that a worker's share of the batch is computed in
    learning_rate: float
    final_learning_rate: float
    schedule: str  # cosine, linear or constant
    warmup_images: int
    discriminator_rate: float  # the discriminator's learning rate as a multiple of the generator's
    betas: tuple[float, float]
    ema_half_life_images: int
    checkpoint_every_images: int
    augmentation: str  # none, diffaugment or ada
    ada_target: float
    x_flip: bool
    precision: str  # fp32 or bf16
    compile_generator: bool
    policies: dict[str, str]  # of each of diagnostics.DIAGNOSTICS: warn, rollback or stop
    seed: int

    @property
    def total_steps(self) -> int:
        return self.total_images // self.batch_size
