"""The classifiers and their training."""

from functools import partial

import pytest
import torch
from torch import nn

from pipeline.embedding.classifier import (
    DomainClassifier,
    Fit,
    UsefulnessClassifier,
    accuracy,
    in_batches,
    to_classifier,
    train_classifier,
)
from pipeline.images.shape import ImageShape
from tests.unit.conftest import Labelled

pytestmark = pytest.mark.usefixtures("one_thread")

SHAPE = ImageShape(1, 8, 8)
BOTH = pytest.mark.parametrize(
    "build", [partial(DomainClassifier, SHAPE, 10, 16), partial(UsefulnessClassifier, SHAPE, 10)]
)


@BOTH
def test_it_learns_the_digits(build: partial[nn.Module], digits: tuple[Labelled, Labelled]) -> None:
    train, test = digits
    network = train_classifier(build, *train, Fit(12_000, 100, 0.003, seed=0))
    assert accuracy(network, *test) > 0.9


@BOTH
def test_the_seed_alone_decides_and_the_global_random_state_is_left_alone(
    build: partial[nn.Module], digits: tuple[Labelled, Labelled]
) -> None:
    (images, labels), _ = digits
    before = torch.get_rng_state()
    first = train_classifier(build, images, labels, Fit(300, 100, 0.003, seed=0)).state_dict()
    assert torch.equal(torch.get_rng_state(), before)
    torch.rand(5)
    again = train_classifier(build, images, labels, Fit(300, 100, 0.003, seed=0)).state_dict()
    other = train_classifier(build, images, labels, Fit(300, 100, 0.003, seed=1)).state_dict()
    assert [name for name in first if not torch.equal(first[name], again[name])] == []
    assert not torch.equal(first["logits.weight"], other["logits.weight"])


@pytest.mark.parametrize("height", [8, 16, 28, 32, 64, 128])
@pytest.mark.parametrize("width", [None, 9, 28, 100], ids=["square", "9", "28", "100"])
@pytest.mark.parametrize("channels", [1, 3])
def test_both_fit_every_size_of_image(height: int, width: int | None, channels: int) -> None:
    shape = ImageShape(channels, height, width or height)
    images = torch.rand(2, *shape)
    domain, useful = DomainClassifier(shape, 5, 12).eval(), UsefulnessClassifier(shape, 5).eval()
    assert domain(images).shape == useful(images).shape == (2, 5)
    assert domain.features(images).shape == (2, 12)


def test_the_logits_are_those_of_the_features(digits_classifier: DomainClassifier) -> None:
    images = to_classifier(torch.randint(0, 256, (3, 1, 8, 8), dtype=torch.uint8))
    with torch.no_grad():
        from_features = digits_classifier.logits(digits_classifier.features(images))
        torch.testing.assert_close(digits_classifier(images), from_features)


def test_pixels_are_scaled_to_minus_one_to_one() -> None:
    levels = torch.tensor([0, 51, 255], dtype=torch.uint8).reshape(3, 1, 1, 1)
    torch.testing.assert_close(to_classifier(levels).flatten(), torch.tensor([-1.0, -0.6, 1.0]))


def test_batches_change_no_answer(digits_classifier: DomainClassifier, digits: tuple[Labelled, Labelled]) -> None:
    images = digits[1][0][:50]
    whole, cut = (in_batches(digits_classifier.features, images, batch_size=size) for size in (50, 7))
    torch.testing.assert_close(whole, cut, rtol=0.02, atol=0.02)
    assert not whole.requires_grad


def test_accuracy_is_the_share_that_is_right() -> None:
    def brightness(images: torch.Tensor) -> torch.Tensor:
        bright = images.mean(dim=(1, 2, 3))
        return torch.stack([-bright, bright], dim=1)

    network = nn.Module()
    network.forward = brightness
    images = torch.tensor([0, 0, 255, 255], dtype=torch.uint8).reshape(4, 1, 1, 1).expand(-1, 1, 2, 2)
    assert accuracy(network, images, torch.tensor([0, 1, 1, 1])) == 0.75


@pytest.mark.parametrize(("batches", "times"), [(40, 40), (299, 150)])
def test_progress_is_told_about_a_hundred_times_up_to_the_end(
    digits: tuple[Labelled, Labelled], batches: int, times: int
) -> None:
    told: list[tuple[float, float]] = []
    build = partial(UsefulnessClassifier, SHAPE, 10)
    train_classifier(build, *digits[0], Fit(batches * 20, 20, 0.003, 0), lambda *now: told.append(now))
    shares, losses = zip(*told, strict=True)
    assert len(shares) == times
    assert sorted(shares) == list(shares)
    assert shares[-1] == 1
    assert losses[-1] < losses[0]


class Counting(UsefulnessClassifier):
    """Notes how many images it is shown."""

    shown: list[int] = []  # noqa: RUF012

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.shown.append(len(images))
        return super().forward(images)


@pytest.mark.parametrize(
    "images",
    [
        pytest.param(100, id="more than a batch"),
        pytest.param(5, id="less than a batch"),
    ],
)
def test_the_budget_is_spent_in_full_batches(images: int, digits: tuple[Labelled, Labelled]) -> None:
    Counting.shown = []
    train_classifier(lambda: Counting(SHAPE, 10), digits[0][0][:images], digits[0][1][:images], Fit(96, 16, 0.003, 0))
    assert Counting.shown == [16] * 6
