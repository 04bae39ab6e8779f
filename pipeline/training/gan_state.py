"""Hold generator and discriminator with all that changes as they train: weights, average, optimizers, augmentation."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Self

import torch
from torch import nn

from pipeline.models.pair import build_discriminator, build_generator
from pipeline.models.spec import PairSpec
from pipeline.training.ada import AdaptiveAugment
from pipeline.training.augment import Augmentation, DiffAugment
from pipeline.training.block_shuffle import generator_for
from pipeline.training.checkpoint import StateDict, copied_to_cpu
from pipeline.training.ema import ema_decay, update_ema
from pipeline.training.history import EvaluationRow
from pipeline.training.recipe import AugmentationSettings, Recipe
from pipeline.training.replicas import WorkerContext, average_buffers, require_equal_replicas


@dataclass(frozen=True)
class Snapshot:
    """Hold a moment of a run to which it can go back; everything in it is a copy, on the CPU."""

    images_seen: int
    parts: StateDict  # state of every network, optimizer and of the augmentation
    evaluation: EvaluationRow | None  # at this moment; None: there was none

    def state_dict(self) -> StateDict:
        """Return what a checkpoint has to store."""
        evaluation = None if self.evaluation is None else self.evaluation.record()
        return {"images_seen": self.images_seen, "parts": self.parts, "evaluation": evaluation}

    @classmethod
    def of_state(cls, state: StateDict) -> Self:
        """Return the snapshot from what its `state_dict` returned."""
        evaluation = None if state["evaluation"] is None else EvaluationRow.of_record(state["evaluation"])
        return cls(state["images_seen"], state["parts"], evaluation)


class GanState:
    """Hold generator, discriminator and all that is trained with them, which is the same on every worker.

    That is the moving average of the generator, both optimizers and the augmentation.
    """

    def __init__(self, spec: PairSpec, recipe: Recipe, context: WorkerContext) -> None:
        self.recipe = recipe
        self.context = context
        self.images_seen = 0
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(generator_for(recipe.seed, "weights", 0).initial_seed())
            self.generator = build_generator(spec).to(context.device)
            self.discriminator = build_discriminator(spec).to(context.device)
        self.average = deepcopy(self.generator).requires_grad_(False).eval()
        if recipe.compile_generator:
            self.generator.compile()
        self.generator_optimizer = self._adam(self.generator)
        self.discriminator_optimizer = self._adam(self.discriminator)
        self.augment = _augmentation(recipe.augmentation, context.device)

    def set_learning_rate(self, rate: float) -> None:
        """Set the generator's learning rate, and the discriminator's to the recipe's multiple of it."""
        for optimizer, share in (
            (self.generator_optimizer, 1.0),
            (self.discriminator_optimizer, self.recipe.optimizer.discriminator_rate),
        ):
            for group in optimizer.param_groups:
                group["lr"] = rate * share

    def update_average(self) -> None:
        """Move the average towards the generator as it is after `images_seen` images."""
        decay = ema_decay(self.images_seen, self.recipe.batch_size, self.recipe.ema_half_life_images)
        update_ema(self.average, self.generator, decay)

    def average_distance(self) -> float:
        """Return the distance from the average to the generator, as a share of the generator's length."""
        raw, average = ([p.detach() for p in g.parameters()] for g in (self.generator, self.average))
        apart = nn.utils.get_total_norm([a - r for a, r in zip(average, raw, strict=True)])
        return float(apart / nn.utils.get_total_norm(raw))

    def reconcile(self) -> None:
        """Average the workers' batch statistics, and end the run if their weights differ."""
        average_buffers(self._networks(), self.context)
        self.require_equal()

    def require_equal(self) -> None:
        """End the run if the workers differ in their weights, or in how many images they have seen."""
        require_equal_replicas(self._networks(), self.context, self.images_seen)

    def _networks(self) -> list[nn.Module]:
        return [self.generator, self.discriminator, self.average]

    def snapshot(self, evaluation: EvaluationRow | None) -> Snapshot:
        """Return a copy of this moment."""
        parts = {name: part.state_dict() for name, part in self._parts().items()}
        return Snapshot(self.images_seen, copied_to_cpu(parts), evaluation)

    def return_to(self, moment: Snapshot) -> None:
        """Restore everything to what it was at the given moment."""
        self.images_seen = moment.images_seen
        for name, part in self._parts().items():
            # An optimizer would take the tensors themselves, and training on would change the snapshot.
            part.load_state_dict(copied_to_cpu(moment.parts[name]))

    def _parts(self) -> StateDict:
        parts = {
            "generator": self.generator,
            "discriminator": self.discriminator,
            "average": self.average,
            "generator_optimizer": self.generator_optimizer,
            "discriminator_optimizer": self.discriminator_optimizer,
        }
        return parts | ({"augment": self.augment} if isinstance(self.augment, AdaptiveAugment) else {})

    def _adam(self, network: nn.Module) -> torch.optim.Optimizer:
        # The rate is set before every step.
        settings = self.recipe.optimizer
        return torch.optim.Adam(network.parameters(), settings.learning_rate, betas=settings.betas, fused=True)


def _augmentation(settings: AugmentationSettings, device: torch.device) -> Augmentation | None:
    if settings.kind == "none":
        return None
    return DiffAugment() if settings.kind == "diffaugment" else AdaptiveAugment(settings.ada_target, device)
