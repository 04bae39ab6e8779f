"""Measure distances in the feature space that `evaluate.features` names, besides the embedder's."""

from typing import TYPE_CHECKING

from pipeline.base.metric import FOUR, ONE, Metric, MetricValues, Need, ReportRow
from pipeline.evaluation.measurement import Measurement
from pipeline.runs.fingerprint import six_digits

if TYPE_CHECKING:
    from pipeline.evaluation.evidence import Evidence


NAMES = {"inception": {"fd": "fid", "kid": "kid"}, "onnx": {"fd": "fd_onnx", "kid": "kid_onnx"}}


def _measure(evidence: "Evidence") -> MetricValues:
    """Measure the synthetic images, and training images in their place; add the digest of the features' module."""
    from pipeline.evaluation.fidelity import distances

    assert evidence.other is not None
    kind, space = evidence.other.kind, evidence.other.space
    evidence.say(f"measuring in the features of {evidence.other.path}")
    real = space.features(evidence.holdout[0])
    metrics: MetricValues = {f"{kind}_digest": space.digest}
    for suffix, images in (("", evidence.fake), ("_real", evidence.stand_ins)):
        for key, value in distances(space.features(images), real, scaled=kind != "inception").items():
            which, _, rest = key.partition("_")
            metrics[f"{NAMES[kind][which]}{'_' if rest else ''}{rest}{suffix}"] = six_digits(value)
    return metrics


MEASUREMENT = Measurement(
    rank=30,
    metrics=(
        Metric(
            name="fid",
            also=("fid_extrapolated",),
            definition="Fréchet distance in Inception's features (Heusel et al. 2017), and extrapolated to infinitely "
            "many images",
            best="`fid_real`, 0",
            better="lower",
            form=ONE,
            needs=(Need.INCEPTION,),
            real="fid_real",
            row=ReportRow(group="Fidelity and variety", label="FID, in Inception's features"),
        ),
        Metric(
            name="kid",
            definition="kernel distance in Inception's features (Bińkowski et al. 2018); can fall below 0 by its error",
            best="0",
            better=0,
            form=FOUR,
            needs=(Need.INCEPTION,),
            real="kid_real",
            signed=True,
            row=ReportRow(group="Fidelity and variety", label="KID, in Inception's features"),
        ),
        Metric(
            name="fd_onnx",
            also=("fd_onnx_extrapolated",),
            definition="Fréchet distance in the features of an ONNX module, and extrapolated to infinitely many images",
            best="`fd_onnx_real`, 0",
            better="lower",
            form=ONE,
            needs=(Need.ONNX,),
            real="fd_onnx_real",
            row=ReportRow(group="Fidelity and variety", label="Fréchet distance in the features of an ONNX module"),
        ),
        Metric(
            name="kid_onnx",
            definition="kernel distance in those features, scaled as for `kid_domain`; can fall below 0 by its error",
            best="0",
            better=0,
            form=FOUR,
            needs=(Need.ONNX,),
            real="kid_onnx_real",
            signed=True,
        ),
    ),
    measure=_measure,
)
