"""Measure what an attacker finds out who has the discriminator, which is not part of a dataset."""

from typing import TYPE_CHECKING

from pipeline.base.metric import THREE, Metric, MetricValues, Need, ReportRow
from pipeline.evaluation.measurement import Measurement

if TYPE_CHECKING:
    from pipeline.evaluation.evidence import Evidence


def _measure(evidence: "Evidence") -> MetricValues:
    from pipeline.evaluation.privacy import logit_attack

    return logit_attack(evidence.pair, evidence.train, evidence.holdout)


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
            row=ReportRow(
                group="Privacy",
                label="The same for an attacker who has the discriminator, which is not part of the dataset",
            ),
        ),
    ),
    measure=_measure,
)
