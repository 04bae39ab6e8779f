"""All figures of images in one place: what is measured, beside what, and how sure."""

from typing import Any

import pytest
import torch
from torch import Tensor

from pipeline.embedding.classifier import DomainClassifier, FeatureNetwork
from pipeline.embedding.embedder import Embedder
from pipeline.evaluation.quality import quality_metrics, real_metrics
from tests.unit.conftest import Labelled

NAMES = [str(digit) for digit in range(10)]


@pytest.fixture(scope="module")
def embedder(digits_classifier: DomainClassifier) -> Embedder:
    return Embedder(digits_classifier, "digest")


def figures(embedder: Embedder, fake: Tensor, asked: Tensor | None, real: Labelled) -> dict[str, Any]:
    images, labels = real
    return quality_metrics(embedder, embedder.features(fake), asked, (embedder.features(images), labels), NAMES)


@pytest.mark.parametrize("labelled", [True, False])
def test_every_figure_has_an_error_and_stands_beside_that_of_real_images(
    labelled: bool, embedder: Embedder, digits: tuple[Labelled, Labelled]
) -> None:
    (images, labels), real = digits
    found = figures(embedder, images, labels if labelled else None, real)
    beside = real_metrics(
        embedder, embedder.features(images), (embedder.features(real[0]), real[1]), NAMES, conditional=labelled
    )
    single = {name for name in found if name not in ("diversity", "class_share") and not name.endswith("_error")}
    assert {f"{name}_error" for name in single} <= found.keys()
    # The same images in both places: the same figures.
    shared = {name for name in single if f"{name}_real" in beside} - {"label_accuracy", "class_share_min"}
    assert shared >= {"fd_domain", "kid_domain", "precision", "recall", "density", "coverage", "classifier_score"}
    assert {name: beside[f"{name}_real"] for name in shared} == {name: found[name] for name in shared}
    assert ("label_accuracy_real" in beside) == labelled
    assert ("class_share_min_real" in beside) != labelled


def test_what_is_said_of_real_labels_is_said_of_the_holdout(
    embedder: Embedder, digits: tuple[Labelled, Labelled]
) -> None:
    """The classifier was trained on the training images with their labels, and would confirm all of those."""
    (images, _), (held_out, labels) = digits
    wrong = (labels + (torch.arange(len(labels)) % 4 == 0)) % 10
    beside = real_metrics(
        embedder, embedder.features(images), (embedder.features(held_out), wrong), NAMES, conditional=True
    )
    assert beside["label_accuracy_real"] == pytest.approx(0.75, abs=0.06)


def test_a_real_set_too_small_to_be_halved_by_class_has_no_error_of_diversity(
    embedder: Embedder, digits: tuple[Labelled, Labelled]
) -> None:
    (images, labels), (held_out, of_held_out) = digits
    few = torch.cat([(of_held_out == label).nonzero()[:2, 0] for label in range(10)])
    found = figures(embedder, images, labels, (held_out[few], of_held_out[few]))
    assert "diversity_min" in found
    assert "coverage_error" in found


def test_of_one_class_alone_no_figure_goes_by_class(
    digits_without_labels: FeatureNetwork, digits: tuple[Labelled, Labelled]
) -> None:
    embedder = Embedder(digits_without_labels, "digest")
    (images, _), (held_out, _) = digits
    real = embedder.features(held_out), torch.zeros(len(held_out), dtype=torch.int64)
    found = quality_metrics(embedder, embedder.features(images), None, real, ["image"])
    beside = real_metrics(embedder, embedder.features(images), real, ["image"], conditional=False)
    single = {name for name in found if not name.endswith("_error")}
    assert single == {
        "fd_domain", "fd_domain_extrapolated", "kid_domain", "precision", "recall", "density", "coverage", "diversity_all",
    }  # fmt: skip
    assert {f"{name}_error" for name in single} <= found.keys()
    assert {f"{name}_real" for name in single - {"diversity_all"}} <= beside.keys()
    assert not {name for name in beside if name.startswith(("classifier", "class_", "label", "diversity"))}
