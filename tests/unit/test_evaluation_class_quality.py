"""Whether the figures tell good classes from bad ones."""

from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline.embedding.classifier import DomainClassifier, FeatureNetwork
from pipeline.embedding.embedder import Embedder
from pipeline.evaluation.class_quality import class_quality, predicted_shares
from tests.unit.conftest import Labelled


@pytest.fixture
def embedder(digits_classifier: DomainClassifier) -> Embedder:
    return Embedder(digits_classifier, "digest")


def quality(embedder: Embedder, fake: Tensor, labels: Tensor | None, real: Labelled) -> dict[str, Any]:
    images, real_labels = real
    return class_quality(embedder, embedder.features(fake), labels, embedder.features(images), real_labels, classes=10)


def test_a_perfect_copy_is_perfect(embedder: Embedder, digits: tuple[Labelled, Labelled]) -> None:
    real = digits[0]
    figures = quality(embedder, *real, real)
    assert figures["diversity"] == pytest.approx([1] * 10)
    assert figures["diversity_min"] == pytest.approx(1)
    assert figures["label_accuracy"] > 0.95


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


def test_a_class_that_no_image_was_asked_of_is_left_out(embedder: Embedder, digits: tuple[Labelled, Labelled]) -> None:
    images, labels = digits[0]
    requested = labels != 3
    figures = quality(embedder, images[requested], labels[requested], digits[0])
    assert figures["diversity"][3] is None
    assert figures["diversity_min"] == pytest.approx(1)


# Without labels ------------------------------------------------------------------------------------------------------


def test_a_perfect_copy_is_as_varied_as_the_reals_and_no_label_is_judged(
    embedder: Embedder, digits: tuple[Labelled, Labelled]
) -> None:
    images, _ = digits[0]
    figures = quality(embedder, images, None, digits[0])
    assert figures["diversity"] == pytest.approx([1] * 10)
    assert figures["class_share_min"] > 0.9  # the digits are nearly balanced
    assert "label_accuracy" not in figures


def test_a_dropped_class_takes_no_share_and_has_no_diversity(
    embedder: Embedder, digits: tuple[Labelled, Labelled]
) -> None:
    images, _ = digits[0]
    fake = images[embedder.labels(embedder.features(images)) != 3]
    figures = quality(embedder, fake, None, digits[0])
    assert figures["class_share_min"] == 0
    assert figures["diversity_min"] == figures["diversity"][3] == 0
    assert figures["diversity"][4] == pytest.approx(1)


def test_a_single_image_of_a_class_shows_no_diversity(embedder: Embedder, digits: tuple[Labelled, Labelled]) -> None:
    images, _ = digits[0]
    threes = embedder.labels(embedder.features(images)) == 3
    fake = torch.cat([images[~threes], images[threes][:1]])
    figures = quality(embedder, fake, None, digits[0])
    assert 0 < figures["class_share_min"] == pytest.approx(10 / len(fake))
    assert figures["diversity_min"] == figures["diversity"][3] == 0


def test_a_class_collapsed_to_one_image_shows_though_its_share_is_right(
    embedder: Embedder, digits: tuple[Labelled, Labelled]
) -> None:
    fake = digits[0][0].clone()
    threes = embedder.labels(embedder.features(fake)) == 3
    fake[threes] = fake[threes][0]
    figures = quality(embedder, fake, None, digits[0])
    assert figures["class_share_min"] > 0.9
    assert figures["diversity_min"] == figures["diversity"][3] == pytest.approx(0, abs=1e-3)


def test_a_class_that_the_classifier_sees_in_a_single_real_is_left_out(
    embedder: Embedder, digits: tuple[Labelled, Labelled]
) -> None:
    images, labels = digits[0]
    threes = embedder.labels(embedder.features(images)) == 3
    kept = ~threes | (threes.cumsum(0) == 1)
    figures = quality(embedder, images, None, (images[kept], labels[kept]))
    assert figures["diversity"][3] is None
    assert figures["diversity_min"] == pytest.approx(1)
    assert figures["diversity_mean"] == pytest.approx(1)


def test_predicted_shares_are_relative_to_an_equal_one(embedder: Embedder, digits: tuple[Labelled, Labelled]) -> None:
    images, _ = digits[0]
    predicted = embedder.labels(embedder.features(images))
    zeros, ones = (images[predicted == label][:30] for label in (0, 1))
    shares = predicted_shares(embedder, embedder.features(torch.cat([zeros, ones[:10]])), classes=10)
    assert shares.tolist() == pytest.approx([7.5, 2.5, *[0] * 8])


# Of one class alone --------------------------------------------------------------------------------------------------


def test_of_one_class_alone_the_diversity_of_all_images_is_all_there_is(
    digits_without_labels: FeatureNetwork, digits: tuple[Labelled, Labelled]
) -> None:
    embedder = Embedder(digits_without_labels, "digest")
    (images, _), (real, _) = digits
    half_of_them = (torch.arange(len(images)) % 2 == 0)[:, None, None, None]
    of_real = embedder.features(real)
    found = [
        class_quality(embedder, embedder.features(fake), None, of_real, torch.zeros(len(real), dtype=torch.int64), 1)
        for fake in (images, torch.where(half_of_them, images[0], images), images[:1].repeat(50, 1, 1, 1))
    ]
    assert [each.keys() for each in found] == [{"diversity_all"}] * 3
    whole, half, one_image = (each["diversity_all"] for each in found)
    assert whole == pytest.approx(1, abs=0.05)
    assert half == pytest.approx(0.75 * whole, abs=0.1)  # a quarter of the pairs are of one image twice
    assert one_image == pytest.approx(0, abs=1e-3)
