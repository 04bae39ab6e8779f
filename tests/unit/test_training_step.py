"""One update of both players."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from pipeline.models.pair import build_discriminator, build_generator
from pipeline.training.losses import LOSSES
from pipeline.training.step import AdversarialStep
from tests.unit.tiny import SPEC

pytestmark = pytest.mark.usefixtures("one_thread")

NAMES = pytest.mark.parametrize("name", LOSSES)


class Players:
    """Two fresh networks with a batch to train on; SGD, so that an update is its gradient."""

    def __init__(self, loss: str = "relativistic", rate: float = 0.01, **options: Any) -> None:
        torch.manual_seed(0)
        self.G, self.D = build_generator(SPEC), build_discriminator(SPEC)
        self.loss = LOSSES[loss]
        self.G_optimizer, self.D_optimizer = (torch.optim.SGD(net.parameters(), rate) for net in (self.G, self.D))
        settings = {"r1": 0.0, "r2": 0.0, "penalty_every": 1, "precision": "fp32", **options}
        self.step = AdversarialStep(self.G, self.D, self.G_optimizer, self.D_optimizer, loss=self.loss, **settings)
        self.labels = torch.arange(6) % 3
        self.latents = torch.randn(6, SPEC.latent_size)
        self.real = torch.rand(6, 1, 8, 8) * 2 - 1

    def logits(self) -> tuple[Tensor, Tensor]:
        """Of the real images and of the fakes."""
        with torch.no_grad():
            return self.D(self.real, self.labels), self.D(self.G(self.latents, self.labels), self.labels)

    def play(self, step: int = 0) -> Any:
        return self.step(step, self.real, self.labels, self.latents)


def copies(tensors: Any) -> list[Tensor]:
    return [tensor.detach().clone() for tensor in tensors]


def gradients(net: nn.Module) -> list[Tensor]:
    return copies(parameter.grad for parameter in net.parameters() if parameter.grad is not None)


def equal(first: list[Tensor], second: list[Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@NAMES
def test_the_generator_s_turn_leaves_the_discriminator_untouched(name: str) -> None:
    players, after_its_turn = Players(name, r1=1.0, r2=1.0), {}

    def note(*_: Any) -> None:
        after_its_turn["gradients"] = gradients(players.D)
        after_its_turn["weights"] = copies(players.D.parameters())

    players.D_optimizer.register_step_post_hook(note)
    players.play()
    assert len(after_its_turn["gradients"]) > 0
    assert equal(gradients(players.D), after_its_turn["gradients"])
    assert equal(copies(players.D.parameters()), after_its_turn["weights"])
    assert all(parameter.requires_grad for parameter in players.D.parameters())


def test_the_discriminator_s_turn_leaves_the_generator_untouched() -> None:
    players, G_gradients = Players(r1=1.0, r2=1.0), []
    before = copies(players.G.parameters())
    players.D_optimizer.register_step_post_hook(lambda *_: G_gradients.extend(gradients(players.G)))
    unchanged = []
    players.D_optimizer.register_step_post_hook(
        lambda *_: unchanged.append(equal(copies(players.G.parameters()), before))
    )
    players.play()
    assert G_gradients == []
    assert unchanged == [True]


@NAMES
def test_each_player_s_update_lowers_its_own_loss(name: str) -> None:
    players = Players(name, rate=0.001)
    seen = {}
    players.D_optimizer.register_step_pre_hook(lambda *_: seen.update(before=players.logits()))
    players.D_optimizer.register_step_post_hook(lambda *_: seen.update(between=players.logits()))
    players.play()
    after = players.logits()
    assert players.loss.discriminator(*seen["between"]) < players.loss.discriminator(*seen["before"])
    assert players.loss.generator(*after) < players.loss.generator(*seen["between"])


def test_the_result_says_what_the_discriminator_thought_before_its_update() -> None:
    players = Players()
    real, fake = players.logits()
    result = players.play()
    torch.testing.assert_close(result.discriminator_loss, players.loss.discriminator(real, fake))
    torch.testing.assert_close(result.logit_gap, real.mean() - fake.mean())
    torch.testing.assert_close(result.real_accuracy, (real > 0).float().mean())


def penalty_by_hand(players: Players, images: Tensor) -> Tensor:
    images = images.detach().requires_grad_()
    (slopes,) = torch.autograd.grad(players.D(images, players.labels).sum(), images)
    return slopes.flatten(1).square().sum(dim=1).mean()


def test_the_penalty_counts_half_its_weight_and_makes_up_for_the_steps_without() -> None:
    players = Players(r1=0.3, r2=0.7, penalty_every=4)
    plain = players.loss.discriminator(*players.logits())
    on_real = penalty_by_hand(players, players.real)
    on_fake = penalty_by_hand(players, players.G(players.latents, players.labels))
    expected = plain + 4 * (0.3 / 2 * on_real + 0.7 / 2 * on_fake)
    torch.testing.assert_close(players.play(step=8).discriminator_loss, expected)


def test_between_the_penalised_steps_there_is_no_penalty() -> None:
    players = Players(r1=0.3, r2=0.7, penalty_every=4)
    plain = players.loss.discriminator(*players.logits())
    torch.testing.assert_close(players.play(step=9).discriminator_loss, plain)


def test_a_penalised_discriminator_stays_flatter() -> None:
    penalised, free = Players(rate=0.01, r1=100.0), Players(rate=0.01)
    for step in range(5):
        penalised.play(step), free.play(step)
    assert penalty_by_hand(penalised, penalised.real) < 0.8 * penalty_by_hand(free, free.real)


def test_bf16_keeps_the_losses_near_those_of_fp32() -> None:
    full, half = (Players(r1=0.1, r2=0.1, precision=precision).play() for precision in ("fp32", "bf16"))
    torch.testing.assert_close(half.discriminator_loss, full.discriminator_loss, rtol=0.05, atol=0.02)
    torch.testing.assert_close(half.generator_loss, full.generator_loss, rtol=0.05, atol=0.02)
