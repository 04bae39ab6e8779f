"""What an attacker finds out who has the discriminator, which is not part of a dataset."""

from pipeline.base.metric import THREE, Metric, Need, ReportRow
from pipeline.evaluation.measurement import Measurement

MEASUREMENT = Measurement(
    rank=100,
    metrics=(
        Metric(
            name="membership_logit_auc",
            definition="how surely the discriminator's logit, which is not part of the dataset, tells training images from held-out ones",
            best="0.5",
            better="lower",
            form=THREE,
            needs=(Need.RECORDS,),
            row=ReportRow(group="Privacy", label="The same with the discriminator, which is not part of the dataset"),
        ),
    ),
)
