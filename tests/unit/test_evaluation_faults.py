"""Planted faults: each is caught by the figure that is there for it.

Real digits take the place of a perfect generator's images; then something is broken.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from pipeline.embedding.classifier import DomainClassifier, FeatureNetwork
from pipeline.embedding.embedder import Embedder
from pipeline.evaluation.measure import metrics_of
from pipeline.models.weights import TrainedPair
from tests.faults import (
    Labelled,
    Sound,
    a_black_shard,
    a_class_collapsed,
    blur,
    half_of_the_classes_missing,
    held_out_images_copied,
    jpeg,
    labels_swapped,
    nothing,
    training_images_copied,
    training_images_perturbed,
)
from tests.unit import conftest
from tests.unit.measuring import NAMES, audited, evidence_of, pair_of_digits

SHARD = 55


@pytest.fixture(scope="module")
def splits(digits: tuple[conftest.Labelled, conftest.Labelled]) -> list[Labelled]:
    """Training images (500), held-out ones (350), those that play the synthetic ones (385) and their spares, in random order."""
    images, labels = (torch.cat(parts) for parts in zip(*digits, strict=True))
    order = torch.randperm(len(images), generator=torch.Generator().manual_seed(0))
    return [
        (images[rows].permute(0, 2, 3, 1).contiguous().numpy(), labels[rows].numpy())
        for rows in order.split([500, 350, 385, 562])
    ]


@pytest.fixture(scope="module")
def planted(splits: list[Labelled]) -> Sound:
    train, held_out, records, spare = splits
    return Sound(records, spare, train[0], held_out[0], SHARD)


@pytest.fixture(scope="module")
def pair() -> TrainedPair:
    """A pair with random weights, which takes no part in what is looked at here."""
    return pair_of_digits(classes=0)


def judge(network: FeatureNetwork, pair: TrainedPair, splits: list[Labelled], records: Labelled) -> Any:
    """All figures of an audit; a network that knows no classes sees no labels either."""
    classifies = isinstance(network, DomainClassifier)
    train, held_out, *_ = splits
    fake, *reals = (
        (
            torch.from_numpy(images.transpose(0, 3, 1, 2)),
            torch.from_numpy(labels if classifies else np.zeros_like(labels)),
        )
        for images, labels in (records, train, held_out)
    )
    names = NAMES if classifies else ["image"]
    embedder = Embedder(network, "digest")
    evidence = evidence_of(embedder, pair, fake, *reals, labelled=classifies, names=names)
    # Real images in the place of the records take as long again, and no fault is told by them.
    return metrics_of(audited(evidence, shard=SHARD), {"fd_domain_real": 1.0})


@pytest.fixture(scope="module")
def sound(digits_classifier: DomainClassifier, pair: TrainedPair, splits: list[Labelled], planted: Sound) -> Any:
    return judge(digits_classifier, pair, splits, nothing(planted))


def less(name: str, by: float) -> Callable[[Any, Any], bool]:
    return lambda found, sound: bool(found[name] < sound[name] - by)


def more(name: str, by: float) -> Callable[[Any, Any], bool]:
    return lambda found, sound: bool(found[name] > sound[name] + by)


def beyond_doubt(name: str) -> Callable[[Any, Any], bool]:
    """By five of the figure's own errors."""
    return lambda found, sound: bool(abs(found[name] - sound[name]) > 5 * sound[f"{name}_error"])


@pytest.mark.parametrize(
    ("fault", "caught"),
    [
        (a_class_collapsed, [less("diversity_min", 0.5), less("unique_share", 0.05)]),
        (half_of_the_classes_missing, [less("coverage", 0.2), less("recall", 0.2), less("class_balance", 0.5), beyond_doubt("fd_domain")]),
        (training_images_copied, [more("train_copies", 15), more("near_train_share", 0.03)]),
        (training_images_perturbed, [more("near_train_share", 0.03)]),
        (held_out_images_copied, [more("held_out_copies", 15)]),
        (labels_swapped, [less("label_accuracy", 0.1)]),
        (blur, [beyond_doubt("fd_domain"), less("coverage", 0.2)]),
        (jpeg, [beyond_doubt("fd_domain")]),
        (a_black_shard, [less("unique_share", 0.05), more("shard_shift_max", 5)]),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)  # fmt: skip
def test_a_planted_fault_is_caught(
    fault: Callable[[Sound], Labelled],
    caught: list[Callable[[Any, Any], bool]],
    digits_classifier: DomainClassifier,
    pair: TrainedPair,
    splits: list[Labelled],
    planted: Sound,
    sound: Any,
) -> None:
    found = judge(digits_classifier, pair, splits, fault(planted))
    told = {name: (sound[name], value) for name, value in found.items() if isinstance(value, float | int)}
    assert [check(found, sound) for check in caught] == [True] * len(caught), told


def test_what_is_sound_is_not_caught(sound: Any) -> None:
    require_soundness(sound, "diversity_min")


def require_soundness(sound: Any, diversity: str) -> None:
    assert sound["near_train_share"] < 0.03
    assert sound["train_copies"] == sound["held_out_copies"] == 0
    assert sound["membership_auc"] == pytest.approx(0.5, abs=0.05)
    assert sound[diversity] > 0.8
    assert sound["shard_shift_max"] < 3
    assert sound["precision"] == pytest.approx(0.95, abs=0.06)
    assert np.isfinite([value for value in sound.values() if isinstance(value, float)]).all()


# Without labels ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def sound_without_labels(
    digits_without_labels: FeatureNetwork, pair: TrainedPair, splits: list[Labelled], planted: Sound
) -> Any:
    return judge(digits_without_labels, pair, splits, nothing(planted))


@pytest.mark.parametrize(
    ("fault", "caught"),
    [
        (a_class_collapsed, [more("fd_domain", 0.1), less("unique_share", 0.05)]),
        (half_of_the_classes_missing, [less("coverage", 0.2), less("recall", 0.2), beyond_doubt("fd_domain")]),
        (training_images_copied, [more("train_copies", 15), more("near_train_share", 0.03)]),
        (training_images_perturbed, [more("near_train_share", 0.03)]),
        (held_out_images_copied, [more("held_out_copies", 15)]),
        (blur, [beyond_doubt("fd_domain"), less("coverage", 0.2)]),
        (jpeg, [beyond_doubt("fd_domain")]),
        (a_black_shard, [less("unique_share", 0.05), more("shard_shift_max", 5)]),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_a_planted_fault_is_caught_without_labels(
    fault: Callable[[Sound], Labelled],
    caught: list[Callable[[Any, Any], bool]],
    digits_without_labels: FeatureNetwork,
    pair: TrainedPair,
    splits: list[Labelled],
    planted: Sound,
    sound_without_labels: Any,
) -> None:
    found = judge(digits_without_labels, pair, splits, fault(planted))
    told = {name: (sound_without_labels[name], value) for name, value in found.items()}
    assert [check(found, sound_without_labels) for check in caught] == [True] * len(caught), told


def test_one_image_over_and_over_is_no_variety(
    digits_without_labels: FeatureNetwork,
    pair: TrainedPair,
    splits: list[Labelled],
    planted: Sound,
    sound_without_labels: Any,
) -> None:
    images, labels = planted.records
    few = np.broadcast_to(images[:1], images.shape).copy()
    found = judge(digits_without_labels, pair, splits, (few, labels))
    assert found["diversity_all"] == pytest.approx(0, abs=1e-3)
    assert found["coverage"] < 0.1 < sound_without_labels["coverage"]


def test_what_is_sound_is_not_caught_without_labels(sound_without_labels: Any) -> None:
    require_soundness(sound_without_labels, "diversity_all")
    assert not sound_without_labels.keys() & {
        "label_accuracy",
        "class_share",
        "class_balance",
        "classifier_score",
        "diversity",
        "diversity_min",
    }
