"""All metrics in one place: what is measured of what there is, beside what, and how sure."""

import pytest
import torch

from pipeline.config.metrics import METRICS
from pipeline.embedding.classifier import DomainClassifier, FeatureNetwork
from pipeline.embedding.embedder import Embedder
from pipeline.embedding.external import FeatureSpace
from pipeline.evaluation.evidence import Evidence, OtherSpace
from pipeline.evaluation.measure import metrics_of_real
from pipeline.models.weights import TrainedPair
from tests.unit.conftest import Labelled
from tests.unit.measuring import audited, evidence_of, measured, of_one_class, pair_of_digits, part
from tests.unit.tracked import Tracked

Digits = tuple[Labelled, Labelled]
PIXELS = FeatureSpace(lambda images: images.float().flatten(1)[:, 20:30], "digest")


@pytest.fixture(scope="module")
def embedder(digits_classifier: DomainClassifier) -> Embedder:
    return Embedder(digits_classifier, "digest")


@pytest.fixture(scope="module")
def pair() -> TrainedPair:
    return pair_of_digits(classes=10)


# What is measured -------------------------------------------------------------------------------------------------------


@pytest.fixture(params=["labels", "no labels", "one class"])
def evidence(
    request: pytest.FixtureRequest,
    embedder: Embedder,
    pair: TrainedPair,
    digits_without_labels: FeatureNetwork,
    digits: Digits,
) -> Evidence:
    """Of a full audit with labels; of an evaluation without; of an audit of data of one class."""
    train, fake, holdout = part(digits[0], 0, 150), part(digits[0], 300, 120), part(digits[1], 0, 100)
    if request.param == "labels":
        other = OtherSpace("onnx", "module.onnx", PIXELS)
        return audited(evidence_of(embedder, pair, fake, train, holdout, other=other), full=True)
    unconditional = pair_of_digits(classes=0)
    if request.param == "no labels":
        other = OtherSpace("inception", "weights.pth", PIXELS)
        return evidence_of(embedder, unconditional, fake, train, holdout, labelled=False, other=other)
    one, names = Embedder(digits_without_labels, "digest"), ["image"]
    splits = (fake, of_one_class(train), of_one_class(holdout))
    return audited(evidence_of(one, unconditional, *splits, labelled=False, names=names))


def test_what_is_measured_is_what_is_declared_and_its_needs_met(evidence: Evidence) -> None:
    found = measured(evidence)
    declared = {name: metric for name, metric in METRICS.items() if evidence.available.issuperset(metric.needs)}
    assert METRICS.keys() & found.keys() == declared.keys()
    named = {name for metric in declared.values() for name in metric.names}
    counterparts = {metric.real for metric in declared.values() if metric.real is not None}
    assert named | counterparts <= found.keys()
    # What belongs to a figure by its name, and what every measurement of the kind says beside its figures.
    more = {name for name in found if name.removesuffix("_real").endswith(("_error", "_spread"))}
    more |= {name for name in found if name.removesuffix("_real") in named}
    assert found.keys() - more - counterparts <= {"records", "onnx_digest", "inception_digest"}


def test_every_metric_is_measured_by_one_of_the_tests_here() -> None:
    """Else a declaration with needs that cannot be met together would go unnoticed."""
    with_labels = {"records", "labels", "classes", "full", "onnx"}
    reached = (with_labels, {"no labels", "classes", "inception"}, {"records", "no labels", "one class"})
    assert [
        name for name, metric in METRICS.items() if not any(each.issuperset(metric.needs) for each in reached)
    ] == []


def test_work_that_takes_long_is_said_and_kept(embedder: Embedder, pair: TrainedPair, digits: Digits) -> None:
    said: list[str] = []
    kept: dict[str, dict] = {}

    def keep(name: str, depends_on: dict, compute) -> dict:
        return kept.setdefault(f"{name} {depends_on['teacher']}", compute())

    splits = (part(digits[0], 300, 120), part(digits[0], 0, 150), part(digits[1], 0, 100))
    tracked = Tracked()
    measured(audited(evidence_of(embedder, pair, *splits, say=said.append, cached=keep, track=tracked)))
    assert {"measuring", "learning from synthetic images", "learning from real images"} <= tracked.total.keys()
    assert tracked.done == tracked.total
    assert kept.keys() == {"usefulness.json dataset", "usefulness.json data", "usefulness.json data+dataset"}
    assert "comparing the records with training images" in said


# Beside what, and how sure ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("labelled", [True, False])
def test_every_figure_has_an_error_and_stands_beside_that_of_real_images(
    labelled: bool, embedder: Embedder, pair: TrainedPair, digits: Digits
) -> None:
    train, real = digits
    found = measured(evidence_of(embedder, pair, train, train, real, labelled=labelled))
    single = {name for name in METRICS if name in found} - {"fd_domain_ratio"}
    assert {f"{name}_error" for name in single} <= found.keys()
    # The same images in both places, in another order: the same figures but for what goes by random halves.
    assert found["fd_domain_real"] == pytest.approx(found["fd_domain"], rel=1e-4)
    assert found["fd_domain_ratio"] == pytest.approx(1, rel=1e-4)
    assert found["coverage_real"] == pytest.approx(found["coverage"], abs=0.05)
    assert found["classifier_score_real"] == pytest.approx(found["classifier_score"], rel=1e-4)
    assert ("label_accuracy_real" in found) == labelled
    assert ("class_share_min_real" in found) != labelled


def test_what_is_said_of_real_labels_is_said_of_the_holdout(
    embedder: Embedder, pair: TrainedPair, digits: Digits
) -> None:
    """The classifier was trained on the training images with their labels, and would confirm all of those."""
    train, (held_out, labels) = digits
    wrong = (labels + (torch.arange(len(labels)) % 4 == 0)) % 10
    beside = metrics_of_real(evidence_of(embedder, pair, train, train, (held_out, wrong)))
    assert beside["label_accuracy_real"] == pytest.approx(0.75, abs=0.06)


def test_a_real_set_of_two_images_a_class_is_measured_with_errors(
    embedder: Embedder, pair: TrainedPair, digits: Digits
) -> None:
    train, (held_out, of_held_out) = digits
    few = torch.cat([(of_held_out == label).nonzero()[:2, 0] for label in range(10)])
    found = measured(evidence_of(embedder, pair, train, train, (held_out[few], of_held_out[few])))
    assert "diversity_min" in found
    assert "coverage_error" in found
