"""Each loss against its paper's formula, its optimum, and its behaviour far out."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import logsigmoid

from pipeline.training.adversarial_loss import AdversarialLoss
from pipeline.training.losses import LOSSES
from pipeline.training.losses.maximum_likelihood import LARGEST_EXPONENT

NAMES = pytest.mark.parametrize("name", LOSSES)
CROSS_ENTROPY = ["minimax", "non_saturating", "maximum_likelihood"]


def logits(seed: int, count: int = 50) -> Tensor:
    return 3 * torch.randn(count, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


REAL, FAKE = logits(0), logits(1)


def both(loss: AdversarialLoss, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    return loss.discriminator(real, fake), loss.generator(real, fake)


def slope_at(value: Tensor, where: Tensor) -> Tensor:
    (gradient,) = torch.autograd.grad(value, where)
    return gradient


# The formulas of the papers, image by image, in terms of D = 1 / (1 + exp(-logit)) where they are --------------------


def d(logit: float) -> float:
    return 1 / (1 + math.exp(-logit))


def mean(values: list[float]) -> float:
    return sum(values) / len(values)


def entropy_game(real: list[float], fake: list[float]) -> float:
    return -mean([math.log(d(x)) for x in real]) / 2 - mean([math.log(1 - d(x)) for x in fake]) / 2


PAPERS = {
    "minimax": (entropy_game, lambda _, fake: mean([math.log(1 - d(x)) for x in fake]) / 2),
    "non_saturating": (entropy_game, lambda _, fake: -mean([math.log(d(x)) for x in fake]) / 2),
    "maximum_likelihood": (entropy_game, lambda _, fake: -mean([math.exp(math.log(d(x) / (1 - d(x)))) for x in fake]) / 2),
    "hinge": (
        lambda real, fake: -mean([min(0, x - 1) for x in real]) - mean([min(0, -x - 1) for x in fake]),
        lambda _, fake: -mean(fake),
    ),
    "least_squares": (
        lambda real, fake: mean([(x - 1) ** 2 for x in real]) / 2 + mean([(x + 1) ** 2 for x in fake]) / 2,
        lambda _, fake: mean([x**2 for x in fake]) / 2,
    ),
    "wgan_gp": (lambda real, fake: mean(fake) - mean(real), lambda _, fake: -mean(fake)),
    "relativistic": (
        lambda real, fake: -mean([math.log(d(r - f)) for r, f in zip(real, fake, strict=True)]),
        lambda real, fake: -mean([math.log(d(f - r)) for r, f in zip(real, fake, strict=True)]),
    ),
}  # fmt: skip


@NAMES
def test_each_is_its_paper_s_formula(name: str) -> None:
    values = [value.item() for value in both(LOSSES[name], REAL, FAKE)]
    assert values == pytest.approx([formula(REAL.tolist(), FAKE.tolist()) for formula in PAPERS[name]])


# Optima --------------------------------------------------------------------------------------------------------------


@NAMES
def test_where_the_distributions_are_equal_one_half_everywhere_is_the_best_verdict(name: str) -> None:
    # A logit for each of four kinds of image, of which reals and fakes have the same shares, in every pairing.
    kinds = torch.tensor([0, 1, 1, 2, 3, 3, 3])
    real, fake = kinds.repeat_interleave(7), kinds.repeat(7)
    table = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    lowest = LOSSES[name].discriminator(table[real], table[fake])
    torch.testing.assert_close(slope_at(lowest, table), torch.zeros(4, dtype=torch.float64))
    for seed in range(20):
        other = logits(seed, 4)
        assert LOSSES[name].discriminator(other[real], other[fake]) >= lowest - 1e-12


SHARES = st.lists(st.integers(1, 9), min_size=4, max_size=4)


def best_verdict_is(name: str, p: list[int], q: list[int], optimum: Tensor) -> None:
    """Of kinds with shares p among the reals and q among the fakes: no slope at `optimum`, and more loss around it."""
    real, fake = (torch.arange(4).repeat_interleave(torch.tensor(shares)) for shares in (p, q))
    table = optimum.clone().requires_grad_()
    lowest = LOSSES[name].discriminator(table[real], table[fake])
    torch.testing.assert_close(slope_at(lowest, table), torch.zeros(4, dtype=torch.float64))
    for seed in range(3):
        other = optimum + 0.1 * logits(seed, 4)
        assert LOSSES[name].discriminator(other[real], other[fake]) > lowest


@given(p=SHARES, q=SHARES, name=st.sampled_from(CROSS_ENTROPY))
@settings(max_examples=30)
def test_the_best_cross_entropy_verdict_is_the_log_of_the_density_ratio(p: list[int], q: list[int], name: str) -> None:
    densities = [torch.tensor(shares, dtype=torch.float64) / sum(shares) for shares in (p, q)]
    best_verdict_is(name, p, q, (densities[0] / densities[1]).log())


@given(p=SHARES, q=SHARES)
@settings(max_examples=30)
def test_the_best_least_squares_verdict_is_the_densities_difference_over_their_sum(p: list[int], q: list[int]) -> None:
    real, fake = (torch.tensor(shares, dtype=torch.float64) / sum(shares) for shares in (p, q))
    best_verdict_is("least_squares", p, q, (real - fake) / (real + fake))


def test_under_maximum_likelihood_the_generator_s_gradient_is_that_of_the_likelihood() -> None:
    # The generator is a table of shares q; data has shares p. With the best D, -E_q[p/q] / 2 moves q as -E_p[log q] / 2.
    p = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    scores = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    q = scores.softmax(0)
    verdicts = (p / q).log().detach()
    each = torch.stack([LOSSES["maximum_likelihood"].generator(verdicts, verdict[None]) for verdict in verdicts])
    torch.testing.assert_close(
        slope_at((q * each).sum(), scores), slope_at(-(p * scores.log_softmax(0)).sum() / 2, scores)
    )


def test_relativistic_loss_of_equal_logits_is_log_two_whatever_their_level() -> None:
    for level in (-7.0, 0.0, 7.0):
        same = torch.full((4,), level)
        assert [v.item() for v in both(LOSSES["relativistic"], same, same)] == pytest.approx([math.log(2)] * 2)


# Far out -------------------------------------------------------------------------------------------------------------


@NAMES
@pytest.mark.parametrize("real", [-1e4, 1e4])
@pytest.mark.parametrize("fake", [-1e4, 1e4])
def test_values_and_gradients_stay_finite_far_out(name: str, real: float, fake: float) -> None:
    ends = torch.tensor([real]).requires_grad_(), torch.tensor([fake]).requires_grad_()
    for value in both(LOSSES[name], *ends):
        gradients = torch.autograd.grad(value, ends, allow_unused=True)
        assert all(t.isfinite().all() for t in (value, *gradients) if t is not None)


def test_the_exponential_of_maximum_likelihood_goes_on_as_its_tangent() -> None:
    at, above, far = (
        torch.tensor([LARGEST_EXPONENT + x], dtype=torch.float64, requires_grad=True) for x in (0, 1e-9, 5)
    )
    value, near, there = (LOSSES["maximum_likelihood"].generator(x, x) for x in (at, above, far))
    slope = -math.exp(LARGEST_EXPONENT) / 2
    assert value.item() == pytest.approx(slope)
    assert near.item() == pytest.approx(value.item())
    assert there.item() == pytest.approx(value.item() + 5 * slope)
    below = torch.tensor([LARGEST_EXPONENT - 1e-9], dtype=torch.float64, requires_grad=True)
    for x in (below, above, far):
        assert slope_at(LOSSES["maximum_likelihood"].generator(x, x), x).item() == pytest.approx(slope)


def test_softplus_form_keeps_precision_where_the_logarithm_of_d_has_none() -> None:
    fake = torch.tensor([-60.0])
    expected = -logsigmoid(fake.double()).item() / 2
    assert LOSSES["non_saturating"].generator(fake, fake).item() == pytest.approx(expected)


# What each is for ----------------------------------------------------------------------------------------------------


@NAMES
def test_the_discriminator_is_driven_apart_and_the_generator_upwards(name: str) -> None:
    # Inside the hinge's margin and, for the fakes, below the least squares' target of 0.
    real, fake = 0.01 * REAL, -0.5 + 0.01 * FAKE
    real.requires_grad_(), fake.requires_grad_()
    discriminator, generator = both(LOSSES[name], real, fake)
    towards_real, towards_fake = torch.autograd.grad(discriminator, (real, fake))
    assert (towards_real < 0).all()
    assert (towards_fake > 0).all()
    assert (slope_at(generator, fake) < 0).all()


@NAMES
def test_which_generators_still_learn_when_every_fake_is_seen_through(name: str) -> None:
    fake = torch.full((4,), -30.0, requires_grad=True)
    slope = slope_at(LOSSES[name].generator(torch.full((4,), 30.0), fake), fake).sum()
    saturating = name in ("minimax", "maximum_likelihood")  # known of both: the reason for the non-saturating loss
    assert -1e-9 < slope < 0 if saturating else slope <= -0.49


@NAMES
def test_a_loss_says_truly_whether_the_generator_s_needs_the_real_logits(name: str) -> None:
    loss = LOSSES[name]
    depends = not torch.equal(loss.generator(REAL, FAKE), loss.generator(REAL + 1, FAKE))
    assert depends == loss.generator_sees_real
