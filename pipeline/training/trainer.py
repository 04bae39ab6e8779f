"""The training loop: data order, schedule, averages, checkpoints. It knows torch and nothing of Ray or configs."""

import math
import time
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from pipeline.models.pair import build_discriminator, build_generator, to_network
from pipeline.models.spec import PairSpec
from pipeline.training.ema import ema_decay, update_ema
from pipeline.training.losses import LOSSES
from pipeline.training.order import DataOrder, generator_for, training_latents
from pipeline.training.step import AdversarialStep, StepResult

Metrics = dict[str, float]


class Judge(Protocol):
    """Looks at the averaged generator at each checkpoint, on the first worker."""

    def __call__(self, generator: nn.Module) -> Metrics:
        """Its metrics, among them `validation_fd_domain`, by which the best checkpoint is chosen."""
        ...

    def picture(self, generator: nn.Module, path: Path) -> None:
        """Writes what it makes as a picture."""
        ...


@dataclass(frozen=True)
class Recipe:
    """How to train. Every amount is counted in images; `batch_size` is global."""

    loss: str
    r1: float
    r2: float
    penalty_every: int
    total_images: int
    batch_size: int
    learning_rate: float
    final_learning_rate: float
    betas: tuple[float, float]
    ema_half_life_images: int
    checkpoint_every_images: int
    precision: str  # fp32 or bf16
    seed: int


@dataclass(frozen=True)
class Place:
    """Where this process stands among the workers."""

    rank: int = 0
    workers: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))


@dataclass
class Best:
    """The weights with the lowest validation distance so far."""

    generator: dict[str, Tensor]
    discriminator: dict[str, Tensor]
    metrics: Metrics


class NonFiniteLossError(RuntimeError):
    """A loss or a figure became NaN or infinite; nothing learnt after it would mean anything."""


class Trainer:
    """Trains one pair on one set of images.

    Args:
        spec: the networks.
        recipe: how to train them.
        images: `uint8 [N, C, H, W]`, kept on the device.
        labels: `int64 [N]`.
        place: this worker.
        judge: measures the averaged generator, on the first worker.
    """

    def __init__(
        self,
        spec: PairSpec,
        recipe: Recipe,
        images: Tensor,
        labels: Tensor,
        place: Place,
        judge: Judge,
    ) -> None:
        self.spec = spec
        self.recipe = recipe
        self.place = place
        self.judge = judge
        self.images = images.to(place.device)
        self.labels = labels.to(place.device)
        self.order = DataOrder(len(images), recipe.seed)
        self.images_seen = 0
        self.best: Best | None = None
        self.history: list[Metrics] = []

        # Every worker draws the same initial weights.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(generator_for(recipe.seed, "weights", 0).initial_seed())
            self.generator = build_generator(spec).to(place.device)
            self.discriminator = build_discriminator(spec).to(place.device)
        self.average = deepcopy(self.generator).requires_grad_(False).eval()
        self.generator_optimizer = self._adam(self.generator)
        self.discriminator_optimizer = self._adam(self.discriminator)
        self.step = AdversarialStep(
            self._distribute(self.generator),
            self._distribute(self.discriminator),
            self.generator_optimizer,
            self.discriminator_optimizer,
            loss=LOSSES[recipe.loss],
            r1=recipe.r1,
            r2=recipe.r2,
            penalty_every=recipe.penalty_every,
            precision=recipe.precision,
        )

    @property
    def total_steps(self) -> int:
        return self.recipe.total_images // self.recipe.batch_size

    def run(self, on_checkpoint: Callable[["Trainer", Metrics, float], None]) -> None:
        """Trains to the end of the budget; calls `on_checkpoint` on every worker at each checkpoint.

        It is given this trainer, the metrics, and the images per second since the last checkpoint, which are no part
        of the metrics: those are the same each time the run is repeated.
        """
        recipe = self.recipe
        started, first_image = time.monotonic(), self.images_seen
        for step in range(self.images_seen // recipe.batch_size, self.total_steps):
            result = self._one_step(step)
            if self._ends_in_checkpoint(step):
                images_per_s = (self.images_seen - first_image) / (time.monotonic() - started)
                on_checkpoint(self, self._measure(result), images_per_s)
                # What a checkpoint costs is no part of the throughput.
                started, first_image = time.monotonic(), self.images_seen

    def _ends_in_checkpoint(self, step: int) -> bool:
        before, after = step * self.recipe.batch_size, (step + 1) * self.recipe.batch_size
        interval = self.recipe.checkpoint_every_images
        return after // interval > before // interval or step + 1 == self.total_steps

    def _one_step(self, step: int) -> StepResult:
        recipe, place = self.recipe, self.place
        start = step * recipe.batch_size
        share = recipe.batch_size // place.workers
        mine = slice(place.rank * share, (place.rank + 1) * share)
        indices = self.order.indices(start, recipe.batch_size)[mine].to(place.device)
        latents = training_latents(
            recipe.seed, start, recipe.batch_size, self.spec.latent_size, self.spec.latent_prior
        )[mine].to(place.device)
        self._set_learning_rate(step)
        real = to_network(self.images[indices], self.spec.resolution)
        result = self.step(step, real, self.labels[indices], latents)
        self.images_seen = start + recipe.batch_size
        update_ema(
            self.average,
            self.generator,
            ema_decay(self.images_seen, recipe.batch_size, recipe.ema_half_life_images),
        )
        return result

    def _set_learning_rate(self, step: int) -> None:
        recipe = self.recipe
        falling = (1 + math.cos(math.pi * step / self.total_steps)) / 2
        rate = recipe.final_learning_rate + (recipe.learning_rate - recipe.final_learning_rate) * falling
        for optimizer in (self.generator_optimizer, self.discriminator_optimizer):
            for group in optimizer.param_groups:
                group["lr"] = rate

    def _measure(self, result: StepResult) -> Metrics:
        self._check_replicas()
        metrics = {
            "images_seen": self.images_seen,
            "discriminator_loss": float(result.discriminator_loss),
            "generator_loss": float(result.generator_loss),
            "logit_gap": float(result.logit_gap),
            "real_accuracy": float(result.real_accuracy),
        }
        self._require_finite(metrics)
        if self.place.rank == 0:
            metrics |= self.judge(self.average)
            self._require_finite(metrics)
            if self.best is None or metrics["validation_fd_domain"] < self.best.metrics["validation_fd_domain"]:
                self.best = Best(_copy(self.average), _copy(self.discriminator), metrics)
        self.history.append(metrics)
        return metrics

    def _require_finite(self, metrics: Metrics) -> None:
        if not all(math.isfinite(value) for value in metrics.values()):
            raise NonFiniteLossError(f"a figure is not finite after {self.images_seen} images: {metrics}")

    def _check_replicas(self) -> None:
        if self.place.workers == 1:
            return
        mine = torch.stack([parameter_sum(network) for network in (self.generator, self.discriminator, self.average)])
        lowest, highest = mine.clone(), mine.clone()
        dist.all_reduce(lowest, dist.ReduceOp.MIN)
        dist.all_reduce(highest, dist.ReduceOp.MAX)
        if not torch.equal(lowest, highest):
            raise RuntimeError(f"the workers' weights have drifted apart after {self.images_seen} images")

    def state(self) -> dict[str, Any]:
        """Everything a restart needs. Randomness is addressed by position, so there is none to keep."""
        return {
            "images_seen": self.images_seen,
            "generator": self.generator.state_dict(),
            "discriminator": self.discriminator.state_dict(),
            "average": self.average.state_dict(),
            "generator_optimizer": self.generator_optimizer.state_dict(),
            "discriminator_optimizer": self.discriminator_optimizer.state_dict(),
            "history": self.history,
            "best": vars(self.best) if self.best else None,
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Continues from what `state` returned."""
        self.images_seen = state["images_seen"]
        for name in ("generator", "discriminator", "average", "generator_optimizer", "discriminator_optimizer"):
            getattr(self, name).load_state_dict(state[name])
        self.history = state["history"]
        self.best = Best(**state["best"]) if state["best"] else None

    def _adam(self, network: nn.Module) -> torch.optim.Optimizer:
        recipe = self.recipe
        return torch.optim.Adam(network.parameters(), recipe.learning_rate, betas=recipe.betas, fused=True)

    def _distribute(self, network: nn.Module) -> nn.Module:
        if self.place.workers == 1:
            return network
        devices = [self.place.device] if self.place.device.type == "cuda" else None
        return DistributedDataParallel(network, device_ids=devices, gradient_as_bucket_view=True)


def parameter_sum(network: nn.Module) -> Tensor:
    """A checksum of parameters and buffers: `int64 []`, the sum of their bit patterns, each weighted by its position."""
    tensors = [*network.parameters(), *network.buffers()]
    bits = torch.cat([tensor.detach().float().flatten().view(torch.int32).long() for tensor in tensors])
    return (bits * torch.arange(1, 2 * len(bits), 2, device=bits.device)).sum()


def _copy(network: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().clone() for name, tensor in network.state_dict().items()}
