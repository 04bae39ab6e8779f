"""Update generator and discriminator once: the algorithm, apart from data, workers, checkpoints and logs."""

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.profiler import record_function

from pipeline.training.adversarial_loss import AdversarialLoss
from pipeline.training.augment import Augmentation
from pipeline.training.batches import StepInputs
from pipeline.training.penalties import Penalties, mixed_images, slope_penalties, squared_gradient_norms


@dataclass(frozen=True)
class StepResult:
    """Hold scalars `float []` on the device, the results of a step.

    Reading one waits for the device, so read them rarely.
    """

    discriminator_loss: Tensor
    generator_loss: Tensor
    logit_gap: Tensor  # mean D(real) - mean D(fake)
    # Share of pairs, of one class each, in which the real image has the higher logit, ties by half; 1/2 at the optimum.
    discriminator_accuracy: Tensor
    generator_gradient: Tensor  # mean over the fakes of the norm of each one's loss gradient
    skipped: Tensor  # 1 where a gradient was not finite and a network kept its weights, else 0


@dataclass(frozen=True)
class NetworkWithOptimizer:
    """Hold one of the two networks, which may be wrapped for data-parallel training, and its optimizer, a fused Adam."""

    network: nn.Module
    optimizer: torch.optim.Optimizer

    def update(self) -> Tensor:
        """Update the weights, unless a gradient is not finite, without waiting for the device.

        Returns:
            `float []`: 1 where the update was skipped, else 0.
        """
        with record_function("optimizer"):
            gradients = [p.grad for p in self.network.parameters() if p.grad is not None]
            skipped = (~nn.utils.get_total_norm(gradients).isfinite()).float()
            # How torch's gradient scaler tells a fused optimizer to leave the weights alone.
            self.optimizer.found_inf = skipped  # type: ignore[attr-defined]
            self.optimizer.step()
        return skipped


@dataclass(frozen=True)
class StepSettings:
    """Describe how both networks are updated."""

    loss: AdversarialLoss
    penalties: Penalties
    precision: str  # fp32, or bf16 for autocast
    accumulation: int = 1  # parts that the batch is computed in, to fit into memory; the update is that of the whole
    apart: bool = False  # real and fake images pass the discriminator apart, for batch norm to normalise them apart


class AdversarialStep:
    """Update the discriminator, then the generator, on one batch of fakes.

    The generator's update uses the bare discriminator, frozen: its gradients must not be averaged over the workers
    then.

    Args:
        generator, discriminator: the networks.
        settings: how they are updated.
        augment: the augmentation of every image that the discriminator sees, or None.
    """

    def __init__(
        self,
        generator: NetworkWithOptimizer,
        discriminator: NetworkWithOptimizer,
        settings: StepSettings,
        augment: Augmentation | None = None,
    ) -> None:
        self.generator = generator
        self.discriminator = discriminator
        self.settings = settings
        self.augment = augment

    def __call__(self, step: int, inputs: StepInputs, penalty_strength: float = 1.0) -> StepResult:
        """Update the discriminator, then the generator; a network whose gradient is not finite keeps its weights."""
        settings = self.settings
        parts = inputs.split(settings.accumulation)
        statistics = [
            buffer
            for side in (self.generator, self.discriminator)
            for buffer in side.network.buffers()
            if buffer.is_floating_point()
        ]
        statistics_before = [buffer.clone() for buffer in statistics]
        # With one part its fakes, and the graph behind them, serve both turns.
        shared = self._generate(parts[0]) if len(parts) == 1 else None
        strength = penalty_strength * settings.penalties.every if settings.penalties.due(step) else 0.0

        self.discriminator.optimizer.zero_grad()
        losses, logits = [], []
        for number, part in enumerate(parts):
            with self._last_alone_synchronises(self.discriminator, number):
                with torch.no_grad():
                    fake = (self._generate(part) if shared is None else shared).detach().float()
                loss, part_logits = self._discriminator_loss(part, fake, strength)
                with record_function("backward"):
                    (loss / len(parts)).backward()
            losses.append(loss.detach())
            logits.append(part_logits.detach())
        discriminator_skipped = self.discriminator.update()
        discriminator_loss = torch.stack(losses).mean()
        real_logits, fake_logits = torch.cat(logits, dim=1)

        frozen = unwrap(self.discriminator.network).requires_grad_(False)
        self.generator.optimizer.zero_grad()
        losses, slopes = [], []
        for number, part in enumerate(parts):
            with self._last_alone_synchronises(self.generator, number):
                fake = self._generate(part) if shared is None else shared
                fake.register_hook(lambda gradient: slopes.append(gradient.detach().float().flatten(1)))
                loss = self._generator_loss(frozen, part, fake)
                with record_function("backward"):
                    (loss / len(parts)).backward()
            losses.append(loss.detach())
        frozen.requires_grad_(True)
        generator_skipped = self.generator.update()

        skipped = torch.maximum(discriminator_skipped, generator_skipped)
        # A running mean would never get rid of what is not finite.
        for now, before in zip(statistics, statistics_before, strict=True):
            now.copy_(torch.where(skipped > 0, before, now))
        return StepResult(
            discriminator_loss=discriminator_loss,
            generator_loss=torch.stack(losses).mean(),
            logit_gap=real_logits.mean() - fake_logits.mean(),
            discriminator_accuracy=((real_logits - fake_logits).sign() / 2 + 1 / 2).mean(),
            # The loss is a mean over the batch: its gradients, summed, are the mean of each image's own.
            generator_gradient=torch.cat(slopes).norm(dim=1).sum(),
            skipped=skipped,
        )

    def _generate(self, part: StepInputs) -> Tensor:
        with record_function("forward"), self._autocast(part.latents):
            fake: Tensor = self.generator.network(part.latents, part.labels)
        return fake

    def _discriminator_loss(self, part: StepInputs, fake: Tensor, penalty_strength: float) -> tuple[Tensor, Tensor]:
        """Return the loss, and the logits `float [2, N]` of real and fake images."""
        weights = self.settings.penalties
        sides = [part.real, fake]
        if penalty_strength and weights.gp:
            sides.append(mixed_images(part.real, fake, part.mix))
        images = torch.cat(sides).contiguous(memory_format=torch.channels_last)
        images.requires_grad_(penalty_strength > 0)
        with record_function("forward"):
            logits = self._logits(self.discriminator.network, images, part, [0, 1, 1][: len(sides)])
            real_logits, fake_logits, *_ = by_side = logits.chunk(len(sides))
            loss = self.settings.loss.discriminator(real_logits, fake_logits)
        if penalty_strength:
            # Part of the loss, since a backward pass of its own would leave the last bias without a gradient,
            # for which DDP waits.
            with record_function("penalty"):
                real_norms, fake_norms, *mixed_norms = squared_gradient_norms(logits, images).chunk(len(by_side))
                loss = loss + penalty_strength / 2 * (weights.r1 * real_norms.mean() + weights.r2 * fake_norms.mean())
                if mixed_norms:
                    loss = loss + penalty_strength * weights.gp * slope_penalties(mixed_norms[0]).mean()
        return loss, torch.stack([real_logits, fake_logits])

    def _generator_loss(self, frozen: nn.Module, part: StepInputs, fake: Tensor) -> Tensor:
        loss = self.settings.loss
        with record_function("forward"):
            fake_logits = self._logits(frozen, fake, part, [2])
            real_logits = self._logits(frozen, part.real, part, [0]) if loss.generator_sees_real else fake_logits
            return loss.generator(real_logits, fake_logits)

    def _logits(self, discriminator: nn.Module, images: Tensor, part: StepInputs, draws: list[int]) -> Tensor:
        """Return logits `float [N * sides]` of images of one or more sides, each augmented with its own random numbers."""
        if self.augment is not None:
            assert part.draws is not None  # the trainer draws where there is an augmentation
            images = self.augment(images, torch.cat([part.draws[:, number] for number in draws]))
        groups = images.chunk(len(draws)) if self.settings.apart else [images]
        labels = part.labels if self.settings.apart else part.labels.repeat(len(draws))
        # In one pass where images do not see each other in it: it is faster, and simpler for DDP.
        with self._autocast(images):
            logits = [discriminator(group, labels) for group in groups]
        return torch.cat(logits).float()

    def _last_alone_synchronises(self, side: NetworkWithOptimizer, number: int) -> AbstractContextManager[None]:
        """Let DDP average over the workers once, with the last part's backward pass."""
        network, last = side.network, number + 1 == self.settings.accumulation
        return nullcontext() if last or not isinstance(network, DistributedDataParallel) else network.no_sync()

    def _autocast(self, tensor: Tensor) -> torch.autocast:
        return torch.autocast(tensor.device.type, torch.bfloat16, enabled=self.settings.precision == "bf16")


def unwrap(module: nn.Module) -> nn.Module:
    """Return the module inside a data-parallel wrapper, or the module itself."""
    return module.module if isinstance(module, DistributedDataParallel) else module
