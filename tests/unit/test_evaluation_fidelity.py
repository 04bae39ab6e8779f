"""The ruler: whether the figures of fidelity move the way that damage to images goes."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchmetrics.image.inception import InceptionScore

from pipeline.embedding.classifier import DomainClassifier
from pipeline.embedding.embedder import Embedder
from pipeline.evaluation.fidelity import classifier_score, domain_distances
from pipeline.evaluation.neighbours import neighbour_metrics
from tests.unit.conftest import Labelled


@pytest.fixture(params=["digits_classifier", "digits_without_labels"])
def embedder(request: pytest.FixtureRequest) -> Embedder:
    """Each kind of embedder: the ruler has to hold for both."""
    return Embedder(request.getfixturevalue(request.param), "digest")


def figures(embedder: Embedder, fake: Tensor, real: Tensor) -> dict[str, float]:
    features, of_real = embedder.features(fake), embedder.features(real)
    found = {**domain_distances(features, of_real), **neighbour_metrics(features, of_real)}
    if isinstance(embedder.network, DomainClassifier):
        found["classifier_score"] = classifier_score(embedder.probabilities(features).double().numpy())
    return found


def noisy(images: Tensor, amount: float) -> Tensor:
    noise = 255 * torch.randn(images.shape, generator=torch.Generator().manual_seed(0))
    return (images + amount * noise).clamp(0, 255).to(torch.uint8)


def blurred(images: Tensor, passes: float) -> Tensor:
    blurry = images.float()
    for _ in range(int(passes)):
        blurry = F.avg_pool2d(F.pad(blurry, [1] * 4, mode="replicate"), 3, stride=1)
    return blurry.to(torch.uint8)


@pytest.mark.parametrize(("damage", "amounts"), [(noisy, (0, 0.15, 0.4)), (blurred, (0, 1, 3))])
def test_more_damage_is_further_away_by_every_figure(
    damage: Callable[[Tensor, float], Tensor],
    amounts: tuple[float, ...],
    embedder: Embedder,
    digits: tuple[Labelled, Labelled],
) -> None:
    (real, _), (images, _) = digits
    found = [figures(embedder, damage(images, amount), real) for amount in amounts]
    for name in ("fd_domain", "fd_domain_extrapolated", "kid_domain"):
        values = [each[name] for each in found]
        assert values == sorted(values), name
        if name != "fd_domain_extrapolated":  # of a few hundred images, its error is as large as what damage adds
            assert values[1] > values[0] + 2 * found[0][f"{name}_error"], name
    for name in ("precision", "density", "coverage"):  # recall may stay: scattered fakes have large neighbourhoods
        values = [each[name] for each in found]
        assert values == sorted(values, reverse=True), name
        assert values[2] < 0.8 * values[0], name


def test_half_of_the_classes_missing_shows_in_recall_and_coverage_not_in_precision(
    embedder: Embedder, digits: tuple[Labelled, Labelled]
) -> None:
    (real, _), (images, labels) = digits
    whole, half = figures(embedder, images, real), figures(embedder, images[labels < 5], real)
    assert half["precision"] == pytest.approx(whole["precision"], abs=0.1)
    for name in ("recall", "coverage"):  # over seeds and machines 0.53 to 0.78 of the whole
        assert half[name] < 0.85 * whole[name]
    if "classifier_score" in whole:
        assert half["classifier_score"] < 0.75 * whole["classifier_score"]
    assert half["fd_domain"] > 4 * whole["fd_domain"]  # over seeds 6 to 8


def test_reals_against_reals_are_near_what_theory_says(embedder: Embedder, digits: tuple[Labelled, Labelled]) -> None:
    real, _ = digits[0]
    order = torch.randperm(len(real), generator=torch.Generator().manual_seed(0))
    found = figures(embedder, *(real[half] for half in order.chunk(2)))
    assert found["kid_domain"] == pytest.approx(0, abs=4 * found["kid_domain_error"])
    assert abs(found["fd_domain_extrapolated"]) < 0.5 * found["fd_domain"]
    assert found["density"] == pytest.approx(1, abs=0.15)
    assert found["coverage"] == pytest.approx(0.97, abs=0.03)


# The classifier's score ----------------------------------------------------------------------------------------------


class Logits(nn.Module):
    """Logits in the place of images, for a metric that wants to compute them."""

    def forward(self, logits: Tensor) -> Tensor:
        return logits


def test_it_is_the_field_s_inception_score_on_the_same_logits() -> None:
    logits = 3 * torch.randn(400, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    metric = InceptionScore(feature=Logits(), splits=1)
    metric.set_dtype(torch.float64)
    metric.update(logits)
    assert classifier_score(logits.softmax(dim=1).numpy()) == pytest.approx(float(metric.compute()[0]), rel=1e-3)


def test_sure_of_every_class_as_often_it_is_their_number_and_unsure_it_is_1() -> None:
    assert classifier_score(np.eye(7)) == pytest.approx(7)
    assert classifier_score(np.full((5, 7), 1 / 7)) == pytest.approx(1)
    assert classifier_score(np.eye(7)[[2, 2, 2]]) == pytest.approx(1)
