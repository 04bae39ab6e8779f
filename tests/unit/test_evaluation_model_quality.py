"""Whether the figures tell good generators from bad ones."""

from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline.embedding.classifier import DomainClassifier
from pipeline.embedding.embedder import Embedder
from pipeline.evaluation.model_quality import model_quality
from tests.unit.conftest import Labelled


@pytest.fixture
def embedder(digits_classifier: DomainClassifier) -> Embedder:
    return Embedder(digits_classifier, "digest", {})


def quality(embedder: Embedder, fake: Tensor, labels: Tensor, real: Labelled) -> dict[str, Any]:
    return model_quality(embedder, fake, labels, *real, classes=10)


def test_a_perfect_copy_is_perfect(embedder: Embedder, digits: tuple[Labelled, Labelled]) -> None:
    real = digits[0]
    figures = quality(embedder, *real, real)
    assert figures["fd_domain"] == pytest.approx(0, abs=1e-4)
    assert figures["diversity"] == pytest.approx([1] * 10)
    assert figures["diversity_min"] == pytest.approx(1)
    assert figures["label_accuracy"] > 0.95


def test_the_distance_grows_with_noise(embedder: Embedder, digits: tuple[Labelled, Labelled]) -> None:
    train, (images, labels) = digits
    noise = 255 * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    noisy = [(images + share * noise).clamp(0, 255).to(torch.uint8) for share in (0, 0.15, 0.4)]
    distances = [quality(embedder, fake, labels, train)["fd_domain"] for fake in noisy]
    assert 2 * distances[0] < distances[1]
    assert distances[1] < distances[2]


def test_a_class_collapsed_to_one_image_shows_though_its_labels_are_right(
    embedder: Embedder, digits: tuple[Labelled, Labelled]
) -> None:
    real_images, labels = digits[0]
    fake = real_images.clone()
    fake[labels == 3] = fake[labels == 3][0]
    figures = quality(embedder, fake, labels, digits[0])
    assert figures["label_accuracy"] > 0.95
    assert figures["diversity_min"] == figures["diversity"][3] == pytest.approx(0, abs=1e-3)
    assert figures["diversity"][4] == pytest.approx(1)


def test_images_of_the_wrong_class_lower_the_label_accuracy(
    embedder: Embedder, digits: tuple[Labelled, Labelled]
) -> None:
    images, labels = digits[0]
    half_wrong = torch.where(torch.arange(len(labels)) % 2 == 0, labels, (labels + 1) % 10)
    before, after = (quality(embedder, images, y, digits[0])["label_accuracy"] for y in (labels, half_wrong))
    assert after == pytest.approx(before / 2, abs=0.03)
