"""Measure all records of a dataset, whose statistics are gathered shard by shard while they are read back."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pipeline.base.metric import COUNT, ONE, THREE, Form, Metric, MetricValues, Need, ReportRow
from pipeline.evaluation.measurement import Measurement

if TYPE_CHECKING:
    from pipeline.evaluation.evidence import Evidence


def _duplicates(metrics: Mapping[str, Any]) -> str:
    return f"{metrics['duplicates']:,} exact duplicates"


def _measure(evidence: "Evidence") -> MetricValues:
    from pipeline.evaluation.dataset_stats import dataset_metrics
    from pipeline.evaluation.moments import Moments

    assert evidence.records is not None
    return dataset_metrics(evidence.records.stats, Moments.of(evidence.holdout_features.double().numpy()))


MEASUREMENT = Measurement(
    rank=70,
    metrics=(
        Metric(
            name="fd_domain_all_records",
            definition="`fd_domain` of all records instead of `evaluate.images` of them",
            best="",
            better="lower",
            form=ONE,
            needs=(Need.RECORDS,),
        ),
        Metric(
            name="class_balance",
            definition="records of the rarest class, divided by those of the commonest",
            best="1",
            better="higher",
            form=THREE,
            needs=(Need.RECORDS, Need.LABELS, Need.CLASSES),
            of_all_classes=True,
            row=ReportRow(
                group="Fidelity and variety",
                label="Records of the rarest class, divided by those of the commonest",
                note="1 is balanced",
            ),
        ),
        Metric(
            name="shard_shift_max",
            also=("shard_shift_at",),
            definition="squared distance of a shard's mean features from those of all records, divided by what chance "
            "gives for as many random records (1 is chance); for the shard that differs most, and its "
            "number",
            best="about 1",
            better="lower",
            form=ONE,
            needs=(Need.RECORDS,),
            row=ReportRow(
                group="Fidelity and variety",
                label="The shard that differs most from the whole",
                note="squared distance of its mean features, divided by what chance gives (1 is chance)",
            ),
        ),
        Metric(
            name="unique_share",
            also=("duplicates",),
            definition="share of records whose pixels no other record has, and the number of the others",
            best="1, 0",
            better="higher",
            form=Form(3, share=True),
            needs=(Need.RECORDS,),
            row=ReportRow(group="Fidelity and variety", label="Unique images", comparison=_duplicates),
        ),
        Metric(
            name="train_copies",
            definition="records with exactly the pixels of a training image",
            best="0",
            better="lower",
            form=COUNT,
            needs=(Need.RECORDS,),
            row=ReportRow(group="Privacy", label="Exact copies of training images"),
        ),
        Metric(
            name="held_out_copies",
            definition="records with exactly the pixels of a real image of `validation` or `holdout`: real images passed off as synthetic",
            best="0",
            better="lower",
            form=COUNT,
            needs=(Need.RECORDS,),
            row=ReportRow(group="Privacy", label="Exact copies of held-out real images"),
        ),
    ),
    measure=_measure,
)
