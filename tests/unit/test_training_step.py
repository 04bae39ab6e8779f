"""One update of both players."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline.training.augment import DiffAugment
from pipeline.training.losses import LOSSES
from pipeline.training.penalties import Penalties
from tests.unit.tiny import SPEC
from tests.unit.training_cases import BATCH_NORM, Duel, copies, equal, gradients, moments

pytestmark = pytest.mark.usefixtures("one_thread")

NAMES = pytest.mark.parametrize("name", LOSSES)
EACH_PENALTY = pytest.mark.parametrize("penalty", ["r1", "r2", "gp"])
ALL_PENALTIES = Penalties(r1=0.3, r2=0.7, gp=0.5)


# Whose turn it is ----------------------------------------------------------------------------------------------------


@NAMES
def test_the_generator_s_turn_leaves_the_discriminator_untouched(name: str) -> None:
    duel, after_its_turn = Duel(name, penalties=ALL_PENALTIES), {}

    def note(*_: Any) -> None:
        after_its_turn["gradients"] = gradients(duel.D)
        after_its_turn["weights"] = copies(duel.D.parameters())

    duel.D_optimizer.register_step_post_hook(note)
    duel.play()
    assert len(after_its_turn["gradients"]) > 0
    assert equal(gradients(duel.D), after_its_turn["gradients"])
    assert equal(copies(duel.D.parameters()), after_its_turn["weights"])
    assert all(parameter.requires_grad for parameter in duel.D.parameters())


@pytest.mark.parametrize("accumulation", [1, 2])
def test_the_discriminator_s_turn_leaves_the_generator_untouched(accumulation: int) -> None:
    duel, seen = Duel(penalties=ALL_PENALTIES, accumulation=accumulation), []
    before = copies(duel.G.parameters())
    duel.D_optimizer.register_step_post_hook(
        lambda *_: seen.append((gradients(duel.G), equal(copies(duel.G.parameters()), before)))
    )
    duel.play()
    assert seen == [([], True)]


@NAMES
def test_each_player_s_update_lowers_its_own_loss(name: str) -> None:
    duel, seen = Duel(name, rate=1e-4), {}
    duel.D_optimizer.register_step_pre_hook(lambda *_: seen.update(before=duel.logits()))
    duel.D_optimizer.register_step_post_hook(lambda *_: seen.update(between=duel.logits()))
    duel.play()
    after = duel.logits()
    assert duel.loss.discriminator(*seen["between"]) < duel.loss.discriminator(*seen["before"])
    assert duel.loss.generator(*after) < duel.loss.generator(*seen["between"])


# What the result says ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("accumulation", [1, 2])
def test_the_result_says_what_the_discriminator_thought_before_its_update(accumulation: int) -> None:
    duel = Duel("non_saturating", accumulation=accumulation)
    real, fake = duel.logits()
    result = duel.play()
    torch.testing.assert_close(result.discriminator_loss, duel.loss.discriminator(real, fake))
    torch.testing.assert_close(result.logit_gap, real.mean() - fake.mean())
    pairs = [(r > f).item() for r, f in zip(real, fake, strict=True)]  # of one class each
    assert result.discriminator_accuracy.item() == pytest.approx(sum(pairs) / len(pairs))
    assert 0 < result.discriminator_accuracy < 1
    assert result.skipped == 0


@pytest.mark.parametrize("accumulation", [1, 4])
@NAMES
def test_the_generator_s_gradient_is_the_mean_over_fakes_of_that_of_each_one_s_loss(
    name: str, accumulation: int
) -> None:
    duel, seen = Duel(name, accumulation=accumulation), {}

    def note(*_: Any) -> None:
        fake = duel.fakes().requires_grad_()
        real = duel.D(duel.inputs.real, duel.inputs.labels).detach()
        norms = []
        for one in range(len(fake)):
            logits = duel.D(fake, duel.inputs.labels)
            (gradient,) = torch.autograd.grad(duel.loss.generator(real[one, None], logits[one, None]), fake)
            norms.append(gradient[one].norm())
        seen["mean"] = torch.stack(norms).mean()
        seen["loss"] = duel.loss.generator(real, duel.D(fake, duel.inputs.labels))

    duel.D_optimizer.register_step_post_hook(note)
    result = duel.play()
    torch.testing.assert_close(result.generator_gradient, seen["mean"])
    torch.testing.assert_close(result.generator_loss, seen["loss"].detach())


# Penalties -----------------------------------------------------------------------------------------------------------


def squared_slopes(duel: Duel, images: Tensor) -> Tensor:
    images = images.detach().requires_grad_()
    (slopes,) = torch.autograd.grad(duel.D(images, duel.inputs.labels).sum(), images)
    return slopes.flatten(1).square().sum(dim=1)


def penalty_by_hand(duel: Duel, penalties: Penalties) -> Tensor:
    real, fake, shares = duel.inputs.real, duel.fakes(), duel.inputs.mix[:, None, None, None]
    on_real, on_fake = (squared_slopes(duel, images).mean() for images in (real, fake))
    on_interval = (squared_slopes(duel, shares * real + (1 - shares) * fake).sqrt() - 1).square().mean()
    return penalties.r1 / 2 * on_real + penalties.r2 / 2 * on_fake + penalties.gp * on_interval


@pytest.mark.parametrize("penalties", [*(Penalties(**{name: 0.7}) for name in ("r1", "r2", "gp")), ALL_PENALTIES])
def test_a_lazy_penalty_makes_up_for_the_steps_without_it(penalties: Penalties) -> None:
    duel = Duel(penalties=replace(penalties, every=4))
    expected = duel.loss.discriminator(*duel.logits()) + 4 * 0.5 * penalty_by_hand(duel, penalties)
    torch.testing.assert_close(duel.play(step=8, penalty_strength=0.5).discriminator_loss, expected)


@pytest.mark.parametrize("step", [1, 2, 3, 9])
def test_between_the_penalised_steps_there_is_no_penalty(step: int) -> None:
    penalised, free = Duel(penalties=replace(ALL_PENALTIES, every=4)), Duel()
    assert penalised.play(step).discriminator_loss == free.play(step).discriminator_loss
    assert equal(copies(penalised.D.parameters()), copies(free.D.parameters()))


@EACH_PENALTY
def test_a_penalised_discriminator_comes_nearer_to_the_slopes_that_are_wanted(penalty: str) -> None:
    weights = Penalties(**{penalty: 100.0})
    penalised, free = Duel(penalties=weights), Duel()
    for step in range(5):
        penalised.play(step), free.play(step)
    assert penalty_by_hand(penalised, weights) < 0.8 * penalty_by_hand(free, weights)


# Parts ---------------------------------------------------------------------------------------------------------------


@NAMES
@pytest.mark.parametrize("penalties", [Penalties(r1=0.5, r2=0.5), Penalties(gp=10.0)], ids=["r1 r2", "gp"])
@pytest.mark.parametrize("augmentation", ["none", "diffaugment"])
def test_a_batch_in_parts_gives_the_gradients_of_the_whole(name: str, penalties: Penalties, augmentation: str) -> None:
    # Adam makes whole steps of the rounding noise of gradients that are 0: short ones, here.
    options: dict[str, Any] = {"penalties": penalties, "augmentation": augmentation, "rate": 1e-6}
    duels = [Duel(name, accumulation=parts, **options) for parts in (1, 2, 4)]
    whole, *in_parts = [(duel.play(), *(gradients(net) for net in (duel.D, duel.G))) for duel in duels]
    for result, *gan in in_parts:
        for figure, expected in zip(vars(result).values(), vars(whole[0]).values(), strict=True):
            torch.testing.assert_close(figure, expected, rtol=1e-4, atol=1e-5)
        for found, wanted in zip(gan, whole[1:], strict=True):
            scale = max(gradient.abs().max().item() for gradient in wanted)
            for gradient, expected in zip(found, wanted, strict=True):
                torch.testing.assert_close(gradient, expected, rtol=1e-3, atol=1e-5 * scale)


# Augmentation --------------------------------------------------------------------------------------------------------


def test_real_fake_and_the_generator_s_fake_are_augmented_by_draws_of_their_own() -> None:
    duel, seen = Duel(penalties=Penalties(gp=0.5), augmentation="diffaugment"), {}
    augment, inputs, fake = DiffAugment(), duel.inputs, duel.fakes()
    assert inputs.draws is not None
    on_real, on_fake, in_its_turn = inputs.draws.unbind(1)

    def verdicts(images: Tensor, draws: Tensor) -> Tensor:
        return duel.D(augment(images, draws), inputs.labels)

    def note(*_: Any) -> None:
        seen["generator"] = duel.loss.generator(verdicts(inputs.real, on_real), verdicts(fake, in_its_turn)).detach()

    duel.D_optimizer.register_step_post_hook(note)
    # The penalty is on the images as they were before, and mixtures are augmented as the fakes are.
    mixed = torch.lerp(fake, inputs.real, inputs.mix[:, None, None, None]).requires_grad_()
    (slopes,) = torch.autograd.grad(verdicts(mixed, on_fake).sum(), mixed)
    penalty = 0.5 * (slopes.flatten(1).norm(dim=1) - 1).square().mean()
    loss = duel.loss.discriminator(verdicts(inputs.real, on_real), verdicts(fake, on_fake)).detach() + penalty
    result = duel.play()
    torch.testing.assert_close(result.discriminator_loss, loss)
    torch.testing.assert_close(result.generator_loss, seen["generator"])


# Batch norm ----------------------------------------------------------------------------------------------------------


def test_apart_real_and_fake_images_are_normalised_apart() -> None:
    apart, together = (Duel("non_saturating", spec=BATCH_NORM, apart=apart) for apart in (True, False))
    real, fake = apart.logits()  # two passes
    whole = torch.cat([apart.inputs.real, apart.fakes()])
    mixed_real, mixed_fake = together.D(whole, together.inputs.labels.repeat(2)).chunk(2)
    expected = apart.loss.discriminator(real, fake)
    torch.testing.assert_close(apart.play().discriminator_loss, expected)
    mixed = together.loss.discriminator(mixed_real, mixed_fake).detach()
    torch.testing.assert_close(together.play().discriminator_loss, mixed)
    assert not torch.isclose(expected, mixed, rtol=1e-3)


# What is not finite --------------------------------------------------------------------------------------------------


def everything(duel: Duel) -> list[Tensor]:
    networks = [
        tensor for net in (duel.G, duel.D) for tensor in net.state_dict().values() if tensor.is_floating_point()
    ]
    return copies([*networks, *moments(duel.G_optimizer), *moments(duel.D_optimizer)])


@pytest.mark.parametrize("spec", [SPEC, BATCH_NORM], ids=["pixel norm", "batch norm"])
@pytest.mark.parametrize("accumulation", [1, 4])
def test_a_batch_that_is_not_finite_changes_neither_player_and_the_next_one_does(spec: Any, accumulation: int) -> None:
    duel = Duel(spec=spec, accumulation=accumulation, apart=spec is BATCH_NORM)
    duel.play(0)
    before, inputs = everything(duel), duel.inputs
    broken = inputs.real.clone()
    broken[3, 0, 2, 2] = torch.nan
    duel.inputs = replace(inputs, real=broken)
    assert duel.play(1).skipped == 1
    assert equal(everything(duel), before)
    duel.inputs = inputs
    assert duel.play(2).skipped == 0
    after = everything(duel)
    assert all(tensor.isfinite().all() for tensor in after)
    assert not equal(after, before)


def test_only_the_player_whose_gradient_is_not_finite_is_held_back() -> None:
    # The generator's own loss does not see the real images here.
    duel = Duel("non_saturating")
    before = [copies(net.parameters()) for net in (duel.G, duel.D)]
    duel.inputs = replace(duel.inputs, real=torch.full_like(duel.inputs.real, torch.inf))
    assert duel.play().skipped == 1
    assert equal(copies(duel.D.parameters()), before[1])
    assert not equal(copies(duel.G.parameters()), before[0])


# Precision -----------------------------------------------------------------------------------------------------------


def test_bf16_keeps_the_losses_near_those_of_fp32() -> None:
    penalties = Penalties(r1=0.1, r2=0.1, gp=0.1)
    full, half = (Duel(penalties=penalties, precision=precision).play() for precision in ("fp32", "bf16"))
    torch.testing.assert_close(half.discriminator_loss, full.discriminator_loss, rtol=0.05, atol=0.02)
    torch.testing.assert_close(half.generator_loss, full.generator_loss, rtol=0.05, atol=0.02)
