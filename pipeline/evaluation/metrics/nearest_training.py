"""Measure whether records lie nearer to training images than held-out ones do, and what an attacker learns from it."""

from typing import TYPE_CHECKING

from pipeline.base.metric import PERCENT, THREE, TWO, Metric, MetricValues, Need, ReportRow
from pipeline.evaluation.measurement import Measurement

if TYPE_CHECKING:
    from pipeline.evaluation.evidence import Evidence


def _measure(evidence: "Evidence") -> MetricValues:
    from pipeline.evaluation.privacy import privacy_metrics

    evidence.say("looking for training images among the records")
    return privacy_metrics(
        evidence.compared_features, evidence.train_features, evidence.holdout_features, evidence.nearest_train
    )


MEASUREMENT = Measurement(
    rank=80,
    metrics=(
        Metric(
            name="near_train_share",
            definition="share of records nearer to a training image than all but 1 % of the held-out real images are",
            best="0.01",
            better="lower",
            form=PERCENT,
            needs=(Need.RECORDS,),
            row=ReportRow(
                group="Privacy",
                label="Nearer to a training image than 99 % of held-out real images are",
                note="1 % if nothing was learnt by heart",
            ),
        ),
        Metric(
            name="nearest_train_ratio",
            definition="median distance to the nearest training image, over that of held-out real images",
            best="1",
            better=1,
            form=TWO,
            needs=(Need.RECORDS,),
            row=ReportRow(
                group="Privacy",
                label="Median distance to the nearest training image, over that of held-out real images",
                note="1 if nothing was learnt by heart",
            ),
        ),
        Metric(
            name="authenticity",
            definition="share of records farther from their nearest training image than that one is from the next one (Alaa et al. 2022)",
            best="`authenticity_real`",
            better="higher",
            form=PERCENT,
            needs=(Need.RECORDS,),
            real="authenticity_real",
            row=ReportRow(
                group="Privacy",
                label="Farther from the nearest training image than that one is from the next",
                real="held-out real images",
            ),
        ),
        Metric(
            name="membership_auc",
            definition="how surely an attacker who has the records tells training images from held-out ones, by the distance to the "
            "nearest record: 0.5 a coin, 1 always",
            best="0.5",
            better="lower",
            form=THREE,
            needs=(Need.RECORDS,),
            row=ReportRow(
                group="Privacy",
                label="An attacker who guesses from the images what was trained on",
                note="area under the ROC curve: 0.5 is a coin, 1 always right",
            ),
        ),
    ),
    measure=_measure,
)
