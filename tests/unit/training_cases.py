"""What the tests of training share: pairs of every architecture, one duel for a step, and tiny runs."""

from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipeline.models.pair import build_discriminator, build_generator
from pipeline.models.spec import PairSpec
from pipeline.training.augment import DiffAugment
from pipeline.training.batches import RealImages, ResidentImages, StepInputs
from pipeline.training.block_shuffle import BlockShuffleSampler
from pipeline.training.checkpoint import load_newest_checkpoint, save_checkpoint
from pipeline.training.diagnostics import DIAGNOSTICS
from pipeline.training.history import EvaluationRow, Metrics
from pipeline.training.losses import LOSSES
from pipeline.training.penalties import Penalties
from pipeline.training.recipe import RECORD_NAMES, AugmentationSettings, OptimizerSettings, Recipe
from pipeline.training.replicas import WorkerContext
from pipeline.training.step import AdversarialStep, NetworkWithOptimizer, StepResult, StepSettings
from pipeline.training.trainer import Evaluation, Evaluator, Trainer
from tests.unit.tiny import SPEC

# At 8 px its discriminator would have no norm layer.
BATCH_NORM = replace(SPEC, resolution=16, generator_norm="batch", discriminator_norm="batch")
SPECTRAL = replace(SPEC, architecture="resnet", discriminator_norm="spectral", width=2)
ARCHITECTURES = {
    "mlp": replace(SPEC, architecture="mlp", width=1, generator_norm="none"),
    "dcgan": SPEC,
    "dcgan, batch norm": BATCH_NORM,
    "resnet, spectral norm": SPECTRAL,
    "r3": replace(SPEC, architecture="r3", generator_norm="none", width=2),
}

RECIPE = Recipe(
    loss="relativistic",
    penalty=Penalties(r1=0.1, r2=0.1, every=2, final_share=0.5),
    optimizer=OptimizerSettings(
        learning_rate=0.002,
        final_learning_rate=0.0001,
        schedule="cosine",
        warmup_images=16,
        discriminator_rate=1.0,
        betas=(0.0, 0.99),
    ),
    augmentation=AugmentationSettings("none", ada_target=0.6, x_flip=False),
    total_images=64,
    batch_size=8,
    accumulation=1,
    ema_half_life_images=1000,
    checkpoint_every_images=32,
    precision="fp32",
    compile_generator=False,
    policies=dict.fromkeys(DIAGNOSTICS, "warn"),
    seed=0,
)
NO_PENALTY = {"r1": 0.0, "r2": 0.0}  # as batch norm wants it


# A step --------------------------------------------------------------------------------------------------------------


class Duel:
    """Two fresh networks with eight images to train on."""

    def __init__(
        self,
        loss: str = "relativistic",
        *,
        spec: PairSpec = SPEC,
        rate: float = 0.01,
        penalties: Penalties | None = None,
        augmentation: str = "none",
        **options: Any,
    ) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.G, self.D = build_generator(spec), build_discriminator(spec)
        random = torch.Generator().manual_seed(1)
        self.loss = LOSSES[loss]
        self.G_optimizer, self.D_optimizer = (
            torch.optim.Adam(net.parameters(), rate, betas=(0.5, 0.99), fused=True) for net in (self.G, self.D)
        )
        augment = DiffAugment() if augmentation == "diffaugment" else None
        self.step = AdversarialStep(
            NetworkWithOptimizer(self.G, self.G_optimizer),
            NetworkWithOptimizer(self.D, self.D_optimizer),
            StepSettings(self.loss, penalties or Penalties(), **{"precision": "fp32", **options}),
            augment,
        )
        self.inputs = StepInputs(
            real=torch.rand(8, spec.channels, spec.resolution, spec.resolution, generator=random) * 2 - 1,
            labels=torch.arange(8) % 3,
            latents=torch.randn(8, spec.latent_size, generator=random),
            mix=torch.rand(8, generator=random),
            draws=None if augment is None else augment.draw(random, 24).unflatten(0, (8, 3)),
        )

    def play(self, step: int = 0, penalty_strength: float = 1.0) -> StepResult:
        return self.step(step, self.inputs, penalty_strength)

    @torch.no_grad()
    def fakes(self) -> Tensor:
        images: Tensor = self.G(self.inputs.latents, self.inputs.labels)
        return images

    @torch.no_grad()
    def logits(self) -> tuple[Tensor, Tensor]:
        """Of the real images and of the fakes, in two passes."""
        return self.D(self.inputs.real, self.inputs.labels), self.D(self.fakes(), self.inputs.labels)


def copies(tensors: Iterable[Tensor]) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in tensors]


def gradients(net: nn.Module) -> list[Tensor]:
    return copies(parameter.grad for parameter in net.parameters() if parameter.grad is not None)


def moments(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [tensor for state in optimizer.state.values() for tensor in state.values()]


def equal(first: list[Tensor], second: list[Tensor]) -> bool:
    """Bit for bit, in number and in content."""
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


# A run ---------------------------------------------------------------------------------------------------------------


def changed(recipe: Recipe, **changes: Any) -> Recipe:
    """The recipe with other choices, each by its name in the recipe's record, whatever group it is in."""
    groups = {}
    for group in ("penalty", "optimizer", "augmentation"):
        before = getattr(recipe, group)
        names = {field.name: RECORD_NAMES.get(field.name, field.name) for field in fields(before)}
        own = {name: changes.pop(key) for name, key in names.items() if key in changes}
        groups[group] = replace(before, **own)
    return replace(recipe, **groups, **changes)


class Eye:
    """A judge of two figures of the averaged generator, for runs whose end no test looks at."""

    criterion = "brightness"

    @torch.no_grad()
    def __call__(self, generator: nn.Module, discriminator: nn.Module) -> Metrics:
        labels = torch.arange(SPEC.classes)
        images = generator(torch.ones(SPEC.classes, SPEC.latent_size), labels)
        return {"brightness": float(images.mean()), "verdict": float(discriminator(images, labels).mean())}


def evaluation_row(images_seen: int, **numbers: Any) -> EvaluationRow:
    """The row of an unremarkable evaluation, but for `numbers`."""
    usual = {
        "discriminator_loss": 0.7,
        "generator_loss": 1.2,
        "logit_gap": 1.0,
        "discriminator_accuracy": 0.7,
        "generator_gradient": 0.1,
        "skipped": 0.0,
        "average_distance": 0.1,
        "rollbacks": 0,
    }
    return EvaluationRow(images_seen, **usual | numbers)


def images_for(recipe: Recipe, spec: PairSpec = SPEC, count: int = 20) -> ResidentImages:
    """Noise in every class, in an order of several windows."""
    random = torch.Generator().manual_seed(0)
    shape = (count, *spec.shape)
    images = torch.randint(0, 256, shape, generator=random, dtype=torch.uint8)
    order = BlockShuffleSampler(count, recipe.seed, block=3, window=4)
    return ResidentImages(images, torch.arange(count) % 3, order, spec.resolution, torch.device("cpu"))


def trainer(
    spec: PairSpec = SPEC,
    context: WorkerContext | None = None,
    evaluator: Evaluator | None = None,
    images: RealImages | None = None,
    **changes: Any,
) -> Trainer:
    """A run of `RECIPE`, but for `changes`; an `Eye` judges it, on the first worker."""
    recipe, context = changed(RECIPE, **changes), context or WorkerContext()
    evaluator = evaluator or Eye() if context.rank == 0 else None
    return Trainer(spec, recipe, images or images_for(recipe, spec), context, evaluator)


OnCheckpoint = Callable[[Trainer, Evaluation], None]


def nothing(trainer: Trainer, evaluation: Evaluation) -> None:
    """At a checkpoint."""


def finished(*args: Any, **changes: Any) -> Trainer:
    done = trainer(*args, **changes)
    done.run(nothing)
    return done


def networks(trainer: Trainer) -> dict[str, Tensor]:
    """Copies of all weights and buffers, by name."""
    gan = trainer.gan
    parts = {"G": gan.generator, "D": gan.discriminator, "average": gan.average}
    return {f"{part}.{name}": t.clone() for part, net in parts.items() for name, t in net.state_dict().items()}


def assert_equal_bits(first: dict[str, Tensor], second: dict[str, Tensor]) -> None:
    assert first.keys() == second.keys()
    assert [name for name in first if not torch.equal(first[name], second[name])] == []


def assert_equal_states(first: Any, second: Any) -> None:
    """Of two runs, bit for bit: weights, optimizers, augmentation, best moment, figures, findings."""
    assert type(first) is type(second)
    if isinstance(first, dict):
        assert first.keys() == second.keys()
        for key in first:
            assert_equal_states(first[key], second[key])
    elif isinstance(first, list | tuple):
        assert len(first) == len(second)
        for one, other in zip(first, second, strict=True):
            assert_equal_states(one, other)
    elif isinstance(first, Tensor):
        assert torch.equal(first.nan_to_num(), second.nan_to_num())
    else:
        assert first == second or first != first


class MachineDownError(Exception):
    """What a crash looks like from within."""


def interrupted_after(evaluations: int, folder: Path) -> OnCheckpoint:
    """Saves each checkpoint on the first worker, and breaks off at one."""

    def on_checkpoint(trainer: Trainer, _: Evaluation) -> None:
        if trainer.context.rank == 0:
            save_checkpoint(folder, len(trainer.history), trainer.state())
        if len(trainer.history) == evaluations:
            raise MachineDownError

    return on_checkpoint


def interrupt(trainer: Trainer, evaluations: int, folder: Path) -> None:
    """Runs until a number of evaluations, each saved in `folder`."""
    try:
        trainer.run(interrupted_after(evaluations, folder))
    except MachineDownError:
        return
    raise AssertionError("the run came to its end")


def restored(trainer: Trainer, folder: Path) -> Trainer:
    """The run in a new process, as far as a test can tell: from the newest checkpoint, with another random state."""
    torch.rand(17)
    saved = load_newest_checkpoint(folder, print)
    assert saved is not None
    trainer.restore(saved)
    return trainer


def go_on(trainer: Trainer, folder: Path) -> Trainer:
    """From the newest checkpoint to the end."""
    restored(trainer, folder).run(nothing)
    return trainer
