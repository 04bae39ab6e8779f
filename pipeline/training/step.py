"""One update of both players: the algorithm, apart from data, workers, checkpoints and logs."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from pipeline.training.losses import AdversarialLoss
from pipeline.training.penalties import squared_gradient_norms


@dataclass(frozen=True)
class StepResult:
    """Scalars on the device; reading one waits for the device, so read them rarely."""

    discriminator_loss: Tensor
    generator_loss: Tensor
    logit_gap: Tensor  # mean D(real) - mean D(fake)
    real_accuracy: Tensor  # share of real images with a positive logit; near 1 for long: D overpowers G


class AdversarialStep:
    """Alternating updates: the discriminator's, then the generator's, on one batch of fakes.

    The generator may be wrapped for data-parallel training, and so may the discriminator. In the generator's
    turn the bare discriminator is used, frozen: its gradients must not be averaged over the workers then.
    """

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        generator_optimizer: torch.optim.Optimizer,
        discriminator_optimizer: torch.optim.Optimizer,
        *,
        loss: AdversarialLoss,
        r1: float,
        r2: float,
        penalty_every: int,
        precision: str,
    ) -> None:
        self.generator = generator
        self.discriminator = discriminator
        self.generator_optimizer = generator_optimizer
        self.discriminator_optimizer = discriminator_optimizer
        self.loss = loss
        self.r1 = r1
        self.r2 = r2
        self.penalty_every = penalty_every
        self.bf16 = precision == "bf16"

    def __call__(self, step: int, real: Tensor, labels: Tensor, latents: Tensor) -> StepResult:
        """`real: float [N, C, H, W] in [-1, 1]`, `labels: int64 [N]`, `latents: float [N, latent_size]`."""
        with self._autocast(real):
            fake = self.generator(latents, labels)
        discriminator_loss, real_logits, fake_logits = self._update_discriminator(step, real, fake.detach(), labels)
        generator_loss = self._update_generator(real, fake, labels)
        return StepResult(
            discriminator_loss.detach(),
            generator_loss.detach(),
            (real_logits.mean() - fake_logits.mean()).detach(),
            (real_logits > 0).float().mean().detach(),
        )

    def _update_discriminator(
        self, step: int, real: Tensor, fake: Tensor, labels: Tensor
    ) -> tuple[Tensor, Tensor, Tensor]:
        penalised = step % self.penalty_every == 0 and (self.r1 > 0 or self.r2 > 0)
        # One forward pass for both halves: DDP refuses two passes before one backward pass, and without
        # batch norm in the discriminator the halves do not see each other.
        images = torch.cat([real, fake.float()]).contiguous(memory_format=torch.channels_last)
        images.requires_grad_(penalised)
        with self._autocast(images):
            logits = self.discriminator(images, torch.cat([labels, labels]))
        logits = logits.float()
        real_logits, fake_logits = logits.chunk(2)
        loss = self.loss.discriminator(real_logits, fake_logits)
        if penalised:
            # Lazy (Karras et al. 2020, arXiv:1912.04958, appendix B): every k-th step, k times as strong. It is
            # added to the loss, since a backward pass of its own would leave the last bias without a gradient.
            real_norms, fake_norms = squared_gradient_norms(logits, images).chunk(2)
            loss = loss + self.penalty_every / 2 * (self.r1 * real_norms.mean() + self.r2 * fake_norms.mean())
        self.discriminator_optimizer.zero_grad()
        loss.backward()
        self.discriminator_optimizer.step()
        return loss, real_logits, fake_logits

    def _update_generator(self, real: Tensor, fake: Tensor, labels: Tensor) -> Tensor:
        judge = unwrap(self.discriminator)
        judge.requires_grad_(False)
        with self._autocast(real):
            fake_logits = judge(fake, labels).float()
            real_logits = judge(real, labels).float() if self.loss.generator_sees_real else fake_logits
        loss = self.loss.generator(real_logits, fake_logits)
        self.generator_optimizer.zero_grad()
        loss.backward()
        self.generator_optimizer.step()
        judge.requires_grad_(True)
        return loss

    def _autocast(self, tensor: Tensor) -> torch.autocast:
        return torch.autocast(tensor.device.type, torch.bfloat16, enabled=self.bf16)


def unwrap(module: nn.Module) -> nn.Module:
    """The module inside a data-parallel wrapper, or the module itself."""
    return module.module if isinstance(module, DistributedDataParallel) else module
