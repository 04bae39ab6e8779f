"""Measure Fréchet and kernel distances of synthetic images to real ones, in the embedder's features."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.base.metric import FOUR, ONE, TWO, Metric, MetricValues, ReportRow, TrainingView
from pipeline.evaluation.measurement import Measurement
from pipeline.runs.fingerprint import six_digits

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.evaluation.evidence import Evidence


def _comparison(metrics: Mapping[str, Any]) -> str:
    return f"real images: {ONE.text(metrics['fd_domain_real'])} ± {ONE.error(metrics['fd_domain_error_real'])}; not FID"


def _distances(features: "Tensor", evidence: "Evidence") -> dict[str, float]:
    from pipeline.evaluation.fidelity import domain_distances

    return domain_distances(features, evidence.holdout_features)


def _ratio(metrics: Mapping[str, Any]) -> MetricValues:
    return {"fd_domain_ratio": six_digits(metrics["fd_domain"] / metrics["fd_domain_real"])}


MEASUREMENT = Measurement.of_features(
    _distances,
    rank=20,
    metrics=(
        Metric(
            name="fd_domain",
            definition="Fréchet distance between means and covariances (Heusel et al. 2017). It is too large by a "
            "term in 1 / images. It is not FID, which uses Inception's features.",
            best="`fd_domain_real`",
            better="lower",
            form=ONE,
            real="fd_domain_real",
            row=ReportRow(
                group="Fidelity and variety",
                label="Distance to real holdout images (Fréchet distance in features learned from real images)",
                comparison=_comparison,
            ),
            training=TrainingView(words="fd_domain", chart="distance to validation (fd_domain)", gauge="fd_domain"),
        ),
        Metric(
            name="fd_domain_extrapolated",
            definition="`fd_domain` extrapolated to infinitely many images (Chong & Forsyth 2020); can fall below 0 "
            "by its error",
            best="0",
            better=0,
            form=ONE,
            real="fd_domain_extrapolated_real",
            signed=True,
            row=ReportRow(
                group="Fidelity and variety",
                label="The same distance, extrapolated to infinitely many images",
                note="0 means equal",
            ),
        ),
        Metric(
            name="fd_domain_ratio",
            definition="`fd_domain` divided by `fd_domain_real`",
            best="1",
            better="lower",
            form=TWO,
        ),
        Metric(
            name="kid_domain",
            definition="squared maximum mean discrepancy with a cubic kernel (Bińkowski et al. 2018) of features scaled to a mean square of "
            "1 over the reals; its error is that over subsets that do not overlap; without bias, can fall below 0 by its error",
            best="0",
            better=0,
            form=FOUR,
            real="kid_domain_real",
            signed=True,
        ),
    ),
    derive=_ratio,
)
