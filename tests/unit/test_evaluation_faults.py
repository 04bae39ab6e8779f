"""Planted faults: each is caught by the figure that is there for it.

Real digits take the place of a perfect generator's images; then something is broken. `docs/figures.md` has the table.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from pipeline.embedding.classifier import DomainClassifier
from pipeline.embedding.embedder import Embedder
from pipeline.evaluation.audit import content_metrics, survey
from pipeline.evaluation.class_quality import class_quality
from pipeline.evaluation.fidelity import fidelity
from pipeline.evaluation.privacy import privacy_figures
from pipeline.sampling.encodings import encoding_named
from tests.unit.conftest import Labelled


@pytest.fixture(scope="module")
def splits(digits: tuple[Labelled, Labelled]) -> tuple[Labelled, Labelled, Labelled]:
    """Training images (800), held-out ones (450) and those that play the synthetic ones (547), each in random order."""
    images, labels = (torch.cat(parts) for parts in zip(*digits, strict=True))
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    train, holdout, fake = ((images[rows], labels[rows]) for rows in order.split([800, 450, 547]))
    return train, holdout, fake


def judge(digits_classifier: DomainClassifier, splits: tuple[Labelled, Labelled, Labelled], fake: Labelled) -> Any:
    """All figures but usefulness."""
    embedder = Embedder(digits_classifier, "digest", {})
    (train, _), (holdout, holdout_labels), _ = splits
    images, labels = fake
    of_fake, of_train, of_holdout = (embedder.features(each) for each in (images, train, holdout))
    shard = (images.permute(0, 2, 3, 1).contiguous().numpy(), labels.numpy())
    return {
        **fidelity(of_fake, of_holdout, embedder.probabilities(of_fake)),
        **class_quality(embedder, of_fake, labels, of_holdout, holdout_labels, classes=10),
        **privacy_figures(of_fake, of_train, of_holdout)[0],
        **content_metrics(survey([shard], train, 10, keep=0)),
    }


@pytest.fixture(scope="module")
def sound(digits_classifier: DomainClassifier, splits: tuple[Labelled, Labelled, Labelled]) -> Any:
    return judge(digits_classifier, splits, splits[2])


Fault = Callable[[Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]  # of images, labels and training images


def collapsed_class(images: Tensor, labels: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
    images = images.clone()
    images[labels == 3] = images[labels == 3][0]
    return images, labels


def half_of_the_classes(images: Tensor, labels: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
    return images[labels < 5], labels[labels < 5]


def copies(images: Tensor, labels: Tensor, train: Tensor) -> tuple[Tensor, Tensor]:
    images, count = images.clone(), len(images) // 20
    images[:count] = train[:count]
    return images, labels


def perturbed_copies(images: Tensor, labels: Tensor, train: Tensor) -> tuple[Tensor, Tensor]:
    images, count = images.clone(), len(images) // 20
    noise = 4 * torch.randn(train[:count].shape, generator=torch.Generator().manual_seed(0))
    images[:count] = (train[:count] + noise).round().clamp(0, 255).to(torch.uint8)
    return images, labels


def training_images_as_synthetic(images: Tensor, labels: Tensor, train: Tensor) -> tuple[Tensor, Tensor]:
    count = len(images) // 2
    return torch.cat([train[:count], images[count:]]), labels


def swapped_labels(images: Tensor, labels: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
    return images, torch.where(labels == 4, 7, torch.where(labels == 7, 4, labels))


def blur(images: Tensor, labels: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
    return F.avg_pool2d(F.pad(images.float(), [1] * 4, mode="replicate"), 3, stride=1).to(torch.uint8), labels


def jpeg(images: Tensor, labels: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
    stored = encoding_named("jpeg", 10).stored(images.permute(0, 2, 3, 1).contiguous().numpy())
    return torch.from_numpy(stored.transpose(0, 3, 1, 2).copy()), labels


def black_shard(images: Tensor, labels: Tensor, _: Tensor) -> tuple[Tensor, Tensor]:
    return torch.cat([images[: -len(images) // 10], torch.zeros_like(images[-len(images) // 10 :])]), labels


def less(name: str, by: float) -> Callable[[Any, Any], bool]:
    return lambda found, sound: bool(found[name] < sound[name] - by)


def more(name: str, by: float) -> Callable[[Any, Any], bool]:
    return lambda found, sound: bool(found[name] > sound[name] + by)


def further(found: Any, sound: Any) -> bool:
    """Beyond all doubt by the figure's own error."""
    return bool(found["fd_domain"] > sound["fd_domain"] + 5 * sound["fd_domain_error"])


@pytest.mark.parametrize(
    ("fault", "caught"),
    [
        (collapsed_class, [less("diversity_min", 0.5), less("unique_share", 0.05)]),
        (half_of_the_classes, [less("coverage", 0.2), less("recall", 0.2), less("class_balance", 0.5), further]),
        (copies, [more("train_copies", 20), more("near_train_share", 0.03)]),
        (perturbed_copies, [more("near_train_share", 0.03)]),
        (training_images_as_synthetic, [more("train_copies", 200), more("near_train_share", 0.3), more("membership_auc", 0.05)]),
        (swapped_labels, [less("label_accuracy", 0.1)]),
        (blur, [further, less("coverage", 0.2)]),
        (jpeg, [further]),
        (black_shard, [less("unique_share", 0.05)]),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)  # fmt: skip
def test_a_planted_fault_is_caught(
    fault: Fault,
    caught: list[Callable[[Any, Any], bool]],
    digits_classifier: DomainClassifier,
    splits: tuple[Labelled, Labelled, Labelled],
    sound: Any,
) -> None:
    found = judge(digits_classifier, splits, fault(*splits[2], splits[0][0]))
    told = {name: (sound[name], value) for name, value in found.items() if isinstance(value, float | int)}
    assert [check(found, sound) for check in caught] == [True] * len(caught), told


def test_what_is_sound_is_not_caught(sound: Any) -> None:
    assert sound["near_train_share"] < 0.03
    assert sound["train_copies"] == 0
    assert sound["membership_auc"] == pytest.approx(0.5, abs=0.05)
    assert sound["diversity_min"] > 0.85
    assert sound["precision"] == pytest.approx(0.95, abs=0.06)
    assert np.isfinite([value for value in sound.values() if isinstance(value, float)]).all()
