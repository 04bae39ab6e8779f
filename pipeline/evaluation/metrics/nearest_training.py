"""Measure whether records lie nearer to training images than held-out ones do, and what an attacker learns from it."""

from typing import TYPE_CHECKING

from pipeline.base.metric import PERCENT, THREE, TWO, Metric, MetricValues, Need, ReportRow
from pipeline.evaluation.measurement import Measurement

if TYPE_CHECKING:
    from pipeline.evaluation.evidence import Evidence


def _measure(evidence: "Evidence") -> MetricValues:
    from pipeline.evaluation.privacy import privacy_metrics

    evidence.say("comparing the records with training images")
    return privacy_metrics(
        evidence.compared_features, evidence.train_features, evidence.holdout_features, evidence.nearest_train
    )


MEASUREMENT = Measurement(
    rank=80,
    metrics=(
        Metric(
            name="near_train_share",
            definition="share of records that lie nearer to a training image than 99 % of held-out real images do",
            best="0.01",
            better="lower",
            form=PERCENT,
            needs=(Need.RECORDS,),
            row=ReportRow(
                group="Privacy",
                label="Records nearer to a training image than 99 % of held-out real images",
                note="1 % if nothing was memorised",
            ),
        ),
        Metric(
            name="nearest_train_ratio",
            definition="median distance to the nearest training image, divided by that of held-out real images",
            best="1",
            better=1,
            form=TWO,
            needs=(Need.RECORDS,),
            row=ReportRow(
                group="Privacy",
                label="Median distance to the nearest training image, divided by that of held-out real images",
                note="1 if nothing was memorised",
            ),
        ),
        Metric(
            name="authenticity",
            definition="share of records that lie farther from their nearest training image than that image lies from "
            "its own nearest one (Alaa et al. 2022)",
            best="`authenticity_real`",
            better="higher",
            form=PERCENT,
            needs=(Need.RECORDS,),
            real="authenticity_real",
            row=ReportRow(
                group="Privacy",
                label="Records farther from their nearest training image than that image is from the next",
                real="held-out real images",
            ),
        ),
        Metric(
            name="membership_auc",
            definition="how surely an attacker who has the records tells training images from held-out ones, by the "
            "distance to the nearest record: 0.5 is chance, 1 is always right",
            best="0.5",
            better="lower",
            form=THREE,
            needs=(Need.RECORDS,),
            row=ReportRow(
                group="Privacy",
                label="How surely an attacker tells from the records which images were trained on",
                note="area under the ROC curve: 0.5 is chance, 1 is always right",
            ),
        ),
    ),
    measure=_measure,
)
