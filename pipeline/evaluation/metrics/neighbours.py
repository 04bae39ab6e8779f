"""Measure how synthetic and real images lie among each other, by nearest neighbours in the embedder's features."""

from typing import TYPE_CHECKING

from pipeline.base.metric import TWO, Metric, ReportRow, TrainingView
from pipeline.evaluation.measurement import Measurement

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.evaluation.evidence import Evidence


def _neighbours(features: "Tensor", evidence: "Evidence") -> dict[str, float]:
    from pipeline.evaluation.neighbours import neighbour_metrics
    from pipeline.evaluation.resampling import Part, with_errors

    def of_sets(fakes: Part, reals: Part) -> dict[str, float]:
        return neighbour_metrics(fakes[0], reals[0])

    return with_errors(of_sets, (features,), (evidence.holdout_features,))


MEASUREMENT = Measurement.of_features(
    _neighbours,
    rank=40,
    metrics=(
        Metric(
            name="precision",
            definition="share of synthetic images that lie in the neighbourhood (to the fifth neighbour) of some real one "
            "(Kynkäänniemi et al. 2019)",
            best="`precision_real`",
            better="higher",
            form=TWO,
            real="precision_real",
            row=ReportRow(group="Fidelity and variety", label="Precision: synthetic images that lie among real ones"),
        ),
        Metric(
            name="recall",
            definition="share of real images that lie in the neighbourhood of some synthetic one. Scattered images "
            "have large "
            "neighbourhoods, so noise hardly lowers it.",
            best="`recall_real`",
            better="higher",
            form=TWO,
            real="recall_real",
            row=ReportRow(group="Fidelity and variety", label="Recall: real images that lie among synthetic ones"),
        ),
        Metric(
            name="density",
            definition="in how many real neighbourhoods a synthetic image lies on average, divided by five; a single "
            "real outlier counts little "
            "(Naeem et al. 2020)",
            best="1",
            better="higher",
            form=TWO,
            real="density_real",
        ),
        Metric(
            name="coverage",
            definition="share of real images with a synthetic image in their neighbourhood (Naeem et al. 2020)",
            best="0.97",
            better="higher",
            form=TWO,
            real="coverage_real",
            row=ReportRow(
                group="Fidelity and variety",
                label="Coverage: real images with a synthetic one nearer than their fifth real neighbour",
            ),
            training=TrainingView(words="coverage", chart="coverage of validation", in_report=False),
        ),
    ),
)
