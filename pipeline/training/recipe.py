"""Describe how to train: every choice that the result depends on, apart from networks and data."""

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any, Self, TypeVar

from pipeline.models.precision import resolve_precision
from pipeline.training.penalties import Penalties

if TYPE_CHECKING:  # what this folder runs with is torch alone
    from pipeline.config.schema import Train

WGAN_GP_WEIGHT = 10.0  # Gulrajani et al. 2017 (arXiv:1704.00028), algorithm 1
# The groups' fields in a record, where a name says enough only inside its group.
RECORD_NAMES = {"every": "penalty_every", "final_share": "penalty_final_share", "kind": "augmentation"}

Group = TypeVar("Group")


@dataclass(frozen=True)
class OptimizerSettings:
    """Hold the settings of Adam for both networks, and the schedule of its learning rate over the run."""

    learning_rate: float
    final_learning_rate: float
    schedule: str  # cosine, linear or constant
    warmup_images: int
    discriminator_rate: float  # the discriminator's learning rate as a multiple of the generator's
    betas: tuple[float, float]


@dataclass(frozen=True)
class AugmentationSettings:
    """Describe how images are changed on their way to the discriminator."""

    kind: str  # none, diffaugment or ada: of real and fake images
    ada_target: float
    x_flip: bool  # mirrors half of the real images


@dataclass(frozen=True)
class Recipe:
    """Hold every choice of a training run.

    Every amount is counted in images; `batch_size` is global, whatever the number of workers.
    """

    loss: str  # a key of losses.LOSSES
    penalty: Penalties
    optimizer: OptimizerSettings
    augmentation: AugmentationSettings
    total_images: int
    batch_size: int
    accumulation: int  # parts that a worker's share of the batch is computed in
    ema_half_life_images: int
    checkpoint_every_images: int
    precision: str  # fp32 or bf16
    compile_generator: bool
    policies: dict[str, str]  # of each of diagnostics.DIAGNOSTICS: warn, rollback or stop
    seed: int

    @classmethod
    def of(cls, train: "Train", device: str) -> Self:
        """Return the recipe of a config, with the values that `auto` and null stand for on `device` (cpu, cuda)."""
        gp = train.penalty.gp
        if gp is None:
            gp = WGAN_GP_WEIGHT if train.loss == "wgan_gp" else 0.0
        return _by_name(
            cls,
            train,
            penalty=_by_name(Penalties, train.penalty, gp=gp),
            optimizer=_by_name(OptimizerSettings, train),
            augmentation=_by_name(AugmentationSettings, train, kind=train.augmentation),
            precision=resolve_precision(train.precision, device),
            compile_generator=train.compile,
            policies=train.diagnostics.model_dump(),
        )

    @property
    def total_steps(self) -> int:
        return self.total_images // self.batch_size

    def record(self) -> dict[str, object]:
        """Return all choices in one level, as model.json stores them."""
        record: dict[str, object] = {}
        for name, value in asdict(self).items():
            group = {name: value} if name == "policies" or not isinstance(value, dict) else value
            record |= {RECORD_NAMES.get(key, key): choice for key, choice in group.items()}
        return record


def _by_name(group: type[Group], section: object, /, **others: Any) -> Group:
    """Return a dataclass with the values of a config's section under the same names, except for those in `others`."""
    names = [field.name for field in fields(group) if field.name not in others]  # type: ignore[arg-type]  # any dataclass
    return group(**{name: getattr(section, name) for name in names}, **others)
