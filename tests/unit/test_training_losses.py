"""Each loss against its paper's formula, its optimum, and its behaviour far out."""

import math

import pytest
import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from pipeline.training.losses import LOSSES, AdversarialLoss

NAMES = pytest.mark.parametrize("name", LOSSES)


def logits(seed: int, count: int = 50) -> Tensor:
    return 3 * torch.randn(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


REAL, FAKE = logits(0), logits(1)


def log_d(logit: Tensor) -> Tensor:
    return torch.log(1 / (1 + torch.exp(-logit)))


def log_not_d(logit: Tensor) -> Tensor:
    return torch.log(1 - 1 / (1 + torch.exp(-logit)))


def both(loss: AdversarialLoss, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    return loss.discriminator(real, fake), loss.generator(real, fake)


def test_non_saturating_is_the_paper_s_formula() -> None:
    discriminator, generator = both(LOSSES["non_saturating"], REAL, FAKE)
    torch.testing.assert_close(discriminator, -log_d(REAL).mean() / 2 - log_not_d(FAKE).mean() / 2)
    torch.testing.assert_close(generator, -log_d(FAKE).mean() / 2)


def test_relativistic_compares_the_pairs() -> None:
    discriminator, generator = both(LOSSES["relativistic"], REAL, FAKE)
    torch.testing.assert_close(discriminator, -log_d(REAL - FAKE).mean())
    torch.testing.assert_close(generator, -log_d(FAKE - REAL).mean())


def test_hinge_counts_only_what_is_inside_the_margin() -> None:
    real, fake = torch.tensor([2.0, 0.5, -1.0]), torch.tensor([-2.0, -0.5, 1.0])
    discriminator, generator = both(LOSSES["hinge"], real, fake)
    assert discriminator.item() == pytest.approx((0 + 0.5 + 2) / 3 + (0 + 0.5 + 2) / 3)
    assert generator.item() == pytest.approx(1.5 / 3)


@NAMES
@pytest.mark.parametrize("real", [-1e4, 1e4])
@pytest.mark.parametrize("fake", [-1e4, 1e4])
def test_values_and_gradients_stay_finite_far_out(name: str, real: float, fake: float) -> None:
    ends = torch.tensor([real]).requires_grad_(), torch.tensor([fake]).requires_grad_()
    for value in both(LOSSES[name], *ends):
        gradients = torch.autograd.grad(value, ends, allow_unused=True)
        assert all(t.isfinite().all() for t in (value, *gradients) if t is not None)


def test_where_real_and_fake_are_the_same_the_best_verdict_is_one_half() -> None:
    loss = LOSSES["non_saturating"].discriminator
    common = torch.zeros((), dtype=torch.float64, requires_grad=True)
    value = loss(common.expand(8), common.expand(8))
    (slope,) = torch.autograd.grad(value, common)
    assert value.item() == pytest.approx(math.log(2))
    assert slope.item() == pytest.approx(0)
    assert loss(common + 0.5, common + 0.5) > value < loss(common - 0.5, common - 0.5)


def test_the_best_non_saturating_logit_is_the_log_of_the_density_ratio() -> None:
    # Two kinds of image: three in four real ones are of the first kind, one in four fakes.
    table = torch.tensor([math.log(3), -math.log(3)], dtype=torch.float64, requires_grad=True)
    value = LOSSES["non_saturating"].discriminator(table[[0, 0, 0, 1]], table[[0, 1, 1, 1]])
    (slope,) = torch.autograd.grad(value, table)
    torch.testing.assert_close(slope, torch.zeros_like(slope))


def test_relativistic_loss_of_equal_logits_is_log_two_whatever_their_level() -> None:
    for level in (-7.0, 0.0, 7.0):
        same = torch.full((4,), level)
        assert [v.item() for v in both(LOSSES["relativistic"], same, same)] == pytest.approx([math.log(2)] * 2)


@NAMES
def test_the_discriminator_is_driven_apart_and_the_generator_upwards(name: str) -> None:
    real, fake = (0.01 * end for end in (REAL, FAKE))  # inside the hinge's margin
    real.requires_grad_(), fake.requires_grad_()
    discriminator, generator = both(LOSSES[name], real, fake)
    towards_real, towards_fake = torch.autograd.grad(discriminator, (real, fake))
    (better_fakes,) = torch.autograd.grad(generator, fake)
    assert (towards_real < 0).all()
    assert (towards_fake > 0).all()
    assert (better_fakes < 0).all()


@NAMES
def test_the_generator_still_learns_when_every_fake_is_seen_through(name: str) -> None:
    fake = torch.full((4,), -30.0, requires_grad=True)
    (slope,) = torch.autograd.grad(LOSSES[name].generator(torch.full((4,), 30.0), fake), fake)
    assert slope.sum() <= -0.49


@NAMES
def test_a_loss_says_truly_whether_the_generator_s_needs_the_real_logits(name: str) -> None:
    loss = LOSSES[name]
    depends = not torch.equal(loss.generator(REAL, FAKE), loss.generator(REAL + 1, FAKE))
    assert depends == loss.generator_sees_real


def test_softplus_form_keeps_precision_where_the_logarithm_of_d_has_none() -> None:
    fake = torch.tensor([-60.0])
    expected = -logsigmoid(fake.double()).item() / 2
    assert LOSSES["non_saturating"].generator(fake, fake).item() == pytest.approx(expected)
