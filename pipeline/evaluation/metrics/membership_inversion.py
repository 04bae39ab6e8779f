"""Measure what an attacker finds out who has the generator itself; it takes minutes, so only a full audit does."""

from typing import TYPE_CHECKING

from pipeline.base.metric import THREE, Metric, MetricValues, Need, ReportRow
from pipeline.evaluation.measurement import Measurement

if TYPE_CHECKING:
    from pipeline.evaluation.evidence import Evidence


def _measure(evidence: "Evidence") -> MetricValues:
    from pipeline.evaluation.privacy import inversion_attack

    evidence.say("attacking the generator: does it generate training images more closely than held-out ones?")
    return inversion_attack(evidence.pair, evidence.train, evidence.holdout, evidence.track)


MEASUREMENT = Measurement(
    rank=90,
    metrics=(
        Metric(
            name="membership_inversion_auc",
            definition="only with `audit --full`: how surely an attacker who has the generator tells training images "
            "from held-out ones, by searching its latents for 500 images of each kind (Chen et al. 2020)",
            best="0.5",
            better="lower",
            form=THREE,
            needs=(Need.RECORDS, Need.FULL),
            gate=False,
            row=ReportRow(
                group="Privacy",
                label="The same for an attacker who has the generator and searches its latents for each image",
            ),
        ),
    ),
    measure=_measure,
)
