"""Measure each class: whether synthetic images belong to it, and how varied they are."""

from typing import TYPE_CHECKING

from pipeline.base.metric import PERCENT, TWO, Metric, MetricValues, Need, ReportRow, TrainingView
from pipeline.evaluation.measurement import Measurement
from pipeline.runs.fingerprint import six_digits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pipeline.evaluation.evidence import Evidence


def _measure(evidence: "Evidence") -> MetricValues:
    from pipeline.evaluation.class_quality import class_quality, predicted_shares
    from pipeline.evaluation.resampling import Part, standard_errors

    embedder, features, classes = evidence.embedder, evidence.fake_features, len(evidence.names)

    def of_sets(fakes: Part, reals: Part) -> MetricValues:
        (fake, *requested), (real, labels) = fakes, reals
        return class_quality(embedder, fake, requested[0] if requested else None, real, labels, classes)

    def single(fakes: Part, reals: Part) -> dict[str, float]:
        return {name: value for name, value in of_sets(fakes, reals).items() if name != "diversity"}

    sets = (
        (features,) if evidence.requested is None else (features, evidence.requested),
        (evidence.holdout_features, evidence.holdout[1]),
    )
    found = {**of_sets(*sets), **standard_errors(single, *sets)}
    by_class = {"diversity": found.pop("diversity")} if classes > 1 else {}
    if Need.NO_LABELS in evidence.available and classes > 1:
        by_class["class_share"] = predicted_shares(embedder, features, classes)
    return {
        **{name: six_digits(value) for name, value in found.items()},
        **{name: _by_class(values, evidence.names) for name, values in by_class.items()},
    }


def _by_class(values: "Sequence[float | None]", names: "Sequence[str]") -> dict[str, float | None]:
    return {name: None if value is None else round(float(value), 4) for name, value in zip(names, values, strict=True)}


def _measure_real(evidence: "Evidence") -> MetricValues:
    """Measure the classifier's predictions on the holdout; it was trained on the training images with their labels."""
    from pipeline.evaluation.class_quality import predicted_shares

    embedder, features, classes = evidence.embedder, evidence.holdout_features, len(evidence.names)
    if classes < 2:
        return {}
    if Need.LABELS in evidence.available:
        return {"label_accuracy": six_digits(float((embedder.labels(features) == evidence.holdout[1]).float().mean()))}
    return {"class_share_min": six_digits(float(predicted_shares(embedder, features, classes).min()))}


MEASUREMENT = Measurement(
    rank=60,
    metrics=(
        Metric(
            name="label_accuracy",
            definition="share of images whose label the classifier confirms",
            best="`label_accuracy_real`",
            better="higher",
            form=PERCENT,
            needs=(Need.LABELS, Need.CLASSES),
            real="label_accuracy_real",
            row=ReportRow(group="Usefulness", label="Labels that a classifier confirms"),
            training=TrainingView(words="labels right", chart="labels confirmed"),
        ),
        Metric(
            name="diversity_min",
            also=("diversity", "diversity_mean"),
            definition="mean distance between two images of a class, divided by that of real images; for the least "
            "varied class, for each class, and on average",
            best="1",
            better=1,
            form=TWO,
            needs=(Need.CLASSES,),
            row=ReportRow(
                group="Fidelity and variety",
                label="Least diversity within a class",
                note="1 is as varied as real images",
            ),
            training=TrainingView(words="least diversity", chart="least within-class diversity", gauge="diversity_min"),
        ),
        Metric(
            name="diversity_all",
            definition="in their place for data of one class: mean distance between any two images, divided by that "
            "of real images. Missing kinds of images hardly lower it: `coverage` and `recall` show those.",
            best="1",
            better=1,
            form=TWO,
            needs=(Need.ONE_CLASS,),
            row=ReportRow(
                group="Fidelity and variety",
                label="Diversity: mean distance between two images",
                note="1 is as varied as real images",
            ),
            training=TrainingView(words="diversity", chart="diversity", gauge="diversity_min"),
        ),
        Metric(
            name="class_share_min",
            also=("class_share",),
            definition="for images without labels: share of each class as a classifier predicts it, times the number "
            "of classes; the least of them, and each",
            best="1",
            better="higher",
            form=TWO,
            needs=(Need.NO_LABELS, Need.CLASSES),
            real="class_share_min_real",
            row=ReportRow(
                group="Fidelity and variety",
                label="Share of the rarest class, as a classifier predicts it",
                note="1 is an equal share, 0 a missing class",
            ),
            training=TrainingView(words="rarest class", chart="share of the rarest class, predicted"),
        ),
    ),
    measure=_measure,
    measure_real=_measure_real,
)
