"""Distances in the feature space that `evaluate.features` names, besides the embedder's."""

from pipeline.base.metric import FOUR, ONE, Metric, Need, ReportRow
from pipeline.evaluation.measurement import Measurement

MEASUREMENT = Measurement(
    rank=30,
    metrics=(
        Metric(
            name="fid",
            also=("fid_extrapolated",),
            definition="Fréchet distance in Inception's features (Heusel et al. 2017), and extrapolated to endlessly many images",
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
            definition="Fréchet distance in the features of an ONNX module, and extrapolated to endlessly many images",
            best="`fd_onnx_real`, 0",
            better="lower",
            form=ONE,
            needs=(Need.ONNX,),
            real="fd_onnx_real",
            row=ReportRow(group="Fidelity and variety", label="Fréchet distance in the features of another module"),
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
)
