"""Adaptive augmentation: each transformation by itself, how often it happens, and how the probability adapts."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.special import ndtri

from pipeline.training.ada import AMOUNTS, COLOUR, GEOMETRY, TRANSFORMATIONS, AdaptiveAugment
from tests.unit.test_training_augment import CHANNELS, adaptive, moved, some_draws, some_images

pytestmark = pytest.mark.usefixtures("one_thread")

SIDE = 16


def only(images: Tensor, **amounts: float) -> Tensor:
    """Every image through the named transformations alone, each with the given draw."""
    gates = [0.0 if name in amounts else 0.99 for name in TRANSFORMATIONS]
    draws = torch.tensor([[*gates, *(amounts.get(name, 0.5) for name in AMOUNTS)]])
    return adaptive(0.5)(images, draws.expand(len(images), -1))


def normal(draw: float) -> float:
    return float(ndtri(torch.tensor(draw)))


def assert_same_pixels(result: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(result, expected, atol=1e-5, rtol=0)


@CHANNELS
@given(seed=st.integers(0, 2**32))
@settings(max_examples=20)
def test_at_p_0_images_keep_every_bit(channels: int, seed: int) -> None:
    augment, images = adaptive(0), some_images(8, channels, 8, seed)
    images[:, :, 0] = -0.0
    result = augment(images, some_draws(augment, 8, seed))
    assert torch.equal(result.view(torch.int32), images.view(torch.int32))


@CHANNELS
def test_at_p_1_every_image_changes(channels: int) -> None:
    augment, images = adaptive(1), some_images(200, channels, 8)
    result = augment(images, some_draws(augment, 200))
    assert result.isfinite().all()
    assert (result - images).abs().amax(dim=(1, 2, 3)).min() > 0.01


GROUPS = [*({name} for name in TRANSFORMATIONS if not name.endswith("turn")), {"quarter_turn"}]


@pytest.mark.parametrize("names", [*GROUPS, {"first_turn", "second_turn"}], ids=lambda names: "+".join(sorted(names)))
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_each_transformation_happens_with_probability_p(names: set[str], p: float) -> None:
    count = 2000
    augment, images = adaptive(p), some_images(1, 3, 8).expand(count, -1, -1, -1)
    draws = some_draws(augment, count)
    draws[:, len(TRANSFORMATIONS) :] = 0.9  # visible in each of them
    for column, name in enumerate(TRANSFORMATIONS):
        if name not in names:
            draws[:, column] = 0.99
    changed = (augment(images, draws) - images).abs().amax(dim=(1, 2, 3)) > 0.001
    assert float(changed.float().mean()) == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / count))


@CHANNELS
@pytest.mark.parametrize("side", [8, 9, 28])
def test_x_flips_and_quarter_turns_keep_the_pixels(channels: int, side: int) -> None:
    images = some_images(2, channels, side)
    assert_same_pixels(only(images, x_flip=0.9), images.flip(-1))
    assert_same_pixels(only(images, x_flip=0.1), images)
    for quarters in range(4):
        assert_same_pixels(only(images, quarter_turn=quarters / 4 + 0.1), images.rot90(quarters, (-2, -1)))


def test_all_eight_flips_and_quarter_turns_are_different() -> None:
    image = some_images(1, 1, 8)
    ways = [only(image, x_flip=flip, quarter_turn=quarter / 4) for flip in (0.1, 0.9) for quarter in range(4)]
    assert len(torch.cat(ways).round(decimals=3).unique(dim=0)) == 8


@given(right=st.integers(-2, 2), down=st.integers(-2, 2))
def test_shifts_move_whole_pixels_by_up_to_an_eighth_and_let_in_black(right: int, down: int) -> None:
    images = some_images(2, 3, SIDE)
    # The draw 0 takes pixels from 1/8 of the side further left: the image moves right.
    result = only(images, shift=0.5 - right / 4.1, shift_y=0.5 - down / 4.1)
    assert_same_pixels(result, moved(images, right, down))


@pytest.mark.parametrize("name", ["first_turn", "second_turn"])
def test_turns_go_all_the_way_round(name: str) -> None:
    images = some_images(2, 1, SIDE)
    for draw, quarters in [(0.0, 2), (0.25, -1), (0.5, 0), (0.75, 1)]:
        assert_same_pixels(only(images, **{name: draw}), images.rot90(quarters, (-2, -1)))


def blob() -> Tensor:
    """A smooth spot in the middle of a black image of 32x32 px, 3 px wide and high."""
    square = (torch.arange(32) - 15.5).square()
    return (-(square[:, None] + square) / (2 * 3**2)).exp()[None, None] - 1


def moments(image: Tensor) -> tuple[float, ...]:
    """Mass, centre (x, y) and width (x, y) of what is not black, in pixels."""
    mass, positions = image[0, 0] + 1, torch.arange(32) - 15.5
    found = [float(mass.sum())]
    profiles = [mass.sum(dim=0) / mass.sum(), mass.sum(dim=1) / mass.sum()]
    centres = [float((profile * positions).sum()) for profile in profiles]
    widths = [
        float((profile * (positions - centre).square()).sum().sqrt())
        for profile, centre in zip(profiles, centres, strict=True)
    ]
    return (*found, *centres, *widths)


@pytest.mark.parametrize("draw", [0.05, 0.3, 0.95])
def test_scale_stretch_and_fine_shift_follow_the_normal_distribution(draw: float) -> None:
    mass = moments(blob())[0]
    factor = 2 ** (-0.2 * normal(draw))
    assert moments(only(blob(), scale=draw)) == pytest.approx(
        (mass * factor**2, 0, 0, 3 * factor, 3 * factor), rel=0.03, abs=0.001
    )
    assert moments(only(blob(), stretch=draw)) == pytest.approx(
        (mass, 0, 0, 3 * factor, 3 / factor), rel=0.03, abs=0.001
    )
    shift = -0.125 * 32 * normal(draw)
    assert moments(only(blob(), fine_shift=draw, fine_shift_y=0.4))[1] == pytest.approx(shift, abs=0.2)


def test_brightness_and_contrast_treat_all_channels_alike() -> None:
    for channels in (1, 3):
        images = some_images(2, channels, 8)
        torch.testing.assert_close(only(images, brightness=0.9), images + 0.2 * normal(0.9))
        torch.testing.assert_close(only(images, contrast=0.9), images * 2 ** (0.5 * normal(0.9)))


def test_luma_flip_hue_and_saturation_leave_the_rest_of_the_colour() -> None:
    images = some_images(2, 3, 8)
    luma = images.mean(dim=1, keepdim=True)
    chroma = images - luma
    torch.testing.assert_close(only(images, luma_flip=0.9), chroma - luma)
    torch.testing.assert_close(only(images, saturation=0.9), luma + chroma * 2 ** normal(0.9))
    # A third of the way round, red is green and green is blue.
    torch.testing.assert_close(only(images, hue=5 / 6), images.roll(1, dims=1))
    torch.testing.assert_close(
        only(images, hue=0.6).square().sum(dim=1), images.square().sum(dim=1), rtol=1e-4, atol=1e-5
    )


@CHANNELS
@pytest.mark.parametrize(
    "draws", [{"x_flip": 0.9, "quarter_turn": 0.3, "shift": 0.1, "shift_y": 0.7}, dict.fromkeys(COLOUR, 0.8)]
)
def test_transformations_follow_each_other_in_the_paper_s_order(channels: int, draws: dict[str, float]) -> None:
    images = one_by_one = some_images(2, channels, SIDE)
    for name in TRANSFORMATIONS:
        if name in draws:
            one_by_one = only(one_by_one, **{key: draws[key] for key in draws if key.removesuffix("_y") == name})
    assert_same_pixels(only(images, **draws), one_by_one)


def test_images_of_one_channel_have_no_hue() -> None:
    images = some_images(2, 1, 8)
    assert_same_pixels(only(images, luma_flip=0.9, hue=0.9, saturation=0.9), images)


def test_geometry_leaves_black_black_and_colour_leaves_pixels_in_place() -> None:
    black, one_pixel = torch.full((1, 3, 8, 8), -1.0), torch.zeros(1, 3, 8, 8)
    assert_same_pixels(only(black, **dict.fromkeys(GEOMETRY, 0.8)), black)
    one_pixel[..., 2, 5] = 0.5
    result = only(one_pixel, **dict.fromkeys(COLOUR, 0.8))
    assert len(result.flatten(2).unique(dim=2)[0, 0]) == 2


def test_extreme_draws_stay_finite() -> None:
    augment, images = adaptive(1), some_images(2, 3, 8)
    for draw in (0.0, 1 - 2**-24):
        assert augment(images, torch.full((2, augment.draws_per_image), draw)).isfinite().all()


@given(
    start=st.floats(0, 1),
    target=st.sampled_from([-0.5, 0.0, 0.6]),
    above=st.sampled_from([-0.1, 0.0, 0.1]),
    images=st.integers(1, 100_000),
)
def test_p_follows_the_sign_and_stays_a_probability(start: float, target: float, above: float, images: int) -> None:
    augment = AdaptiveAugment(target, torch.device("cpu"))
    augment.p.fill_(start)
    augment.adapt(torch.tensor(target + above), images)
    direction = (above > 0) - (above < 0)
    assert float(augment.p) == pytest.approx(min(1, max(0, start + direction * images / 500_000)), abs=1e-6)
    assert 0 <= augment.p <= 1


def test_p_rises_from_0_to_1_in_half_a_million_images() -> None:
    augment = AdaptiveAugment(0.6, torch.device("cpu"))
    assert augment.p == 0
    for _ in range(490):
        augment.adapt(torch.tensor(1.0), 1000)
    assert float(augment.p) == pytest.approx(0.98, abs=1e-3)


def test_adapting_keeps_no_graph() -> None:
    augment = adaptive(0.5)
    augment.adapt(torch.ones(4, requires_grad=True).mean(), 64)
    assert not augment.p.requires_grad


def test_the_state_goes_round() -> None:
    first, second = adaptive(0.25), adaptive(0.0)
    state = first.state_dict()
    first.adapt(torch.tensor(1.0), 50_000)
    second.load_state_dict(state)
    assert second.p == 0.25
    second.adapt(torch.tensor(1.0), 50_000)
    assert torch.equal(second.p, first.p)
    assert state["p"] == 0.25
