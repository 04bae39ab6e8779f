"""What classifiers learn from records, from real images, and from both."""

from collections.abc import Mapping
from typing import Any

from pipeline.base.metric import PERCENT, THREE, Metric, Need, ReportRow
from pipeline.evaluation.measurement import Measurement

NEEDS = (Need.RECORDS, Need.LABELS, Need.CLASSES)


def _beside(metrics: Mapping[str, Any]) -> str:
    spread = metrics.get("tstr_accuracy_spread")
    return f"trained on real: {PERCENT.text(metrics['trtr_accuracy'])}" + (
        "" if spread is None else f"; ± {100 * spread:.1f} from seed to seed"
    )


MEASUREMENT = Measurement(
    rank=10,
    metrics=(
        Metric(
            name="tstr_accuracy",
            also=("trtr_accuracy",),
            definition="what a classifier trained on records, or on real images, gets right of the holdout (Esteban et al. 2017)",
            best="`trtr_accuracy`",
            better="higher",
            form=PERCENT,
            needs=NEEDS,
            real="trtr_accuracy",
            of_all_classes=True,
            row=ReportRow(group="Usefulness", label="Trained on synthetic, tested on real", beside=_beside),
        ),
        Metric(
            name="tstr_ratio",
            definition="`tstr_accuracy` over `trtr_accuracy`",
            best="1",
            better="higher",
            form=THREE,
            needs=NEEDS,
            of_all_classes=True,
        ),
        Metric(
            name="augmented_accuracy",
            definition="what a classifier trained on real training images and records together gets right: whether records add to the real ones",
            best="`trtr_accuracy`",
            better="higher",
            form=PERCENT,
            needs=NEEDS,
            real="trtr_accuracy",
            row=ReportRow(
                group="Usefulness", label="Trained on synthetic and real, tested on real", real="trained on real"
            ),
        ),
        Metric(
            name="tstr_class_min",
            also=("tstr_by_class", "trtr_by_class"),
            definition="of each class's holdout images, what a classifier trained on records gets right; the least of them",
            best="the least of `trtr_by_class`",
            better="higher",
            form=PERCENT,
            needs=NEEDS,
            of_all_classes=True,
            row=ReportRow(group="Usefulness", label="Trained on synthetic, the class that is learnt worst"),
        ),
    ),
)
