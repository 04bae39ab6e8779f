"""What becomes of each class: whether drawn images are of it, and how varied they are."""

from pipeline.base.metric import PERCENT, TWO, Metric, Need, ReportRow
from pipeline.evaluation.measurement import Measurement

MEASUREMENT = Measurement(
    rank=60,
    metrics=(
        Metric(
            name="label_accuracy",
            definition="share of images whose label the classifier confirms",
            best="`label_accuracy_real`",
            better="higher",
            form=PERCENT,
            needs=(Need.LABELS, Need.CLASSES),
            real="label_accuracy_real",
            row=ReportRow(group="Usefulness", label="Labels that a classifier confirms"),
        ),
        Metric(
            name="diversity_min",
            also=("diversity", "diversity_mean"),
            definition="mean distance of two images of a class, over that of real ones; of the least varied class, of each class, and on "
            "average",
            best="1",
            better=1,
            form=TWO,
            needs=(Need.CLASSES,),
            row=ReportRow(
                group="Fidelity and variety",
                label="Least diversity within a class",
                note="1 is as varied as real images",
            ),
        ),
        Metric(
            name="diversity_all",
            definition="in their place where the data has one class: mean distance of any two images, over that of real ones. Dropped "
            "kinds of images hardly lower it: `coverage` and `recall` show those.",
            best="1",
            better=1,
            form=TWO,
            needs=(Need.ONE_CLASS,),
            row=ReportRow(
                group="Fidelity and variety",
                label="Diversity: mean distance of two images",
                note="1 is as varied as real images",
            ),
        ),
        Metric(
            name="class_share_min",
            also=("class_share",),
            definition="without labels: how often the classifier sees each class, times their number; the least of them, and of each class",
            best="1",
            better="higher",
            form=TWO,
            needs=(Need.NO_LABELS, Need.CLASSES),
            real="class_share_min_real",
            row=ReportRow(
                group="Fidelity and variety",
                label="Share of the rarest class, as a classifier predicts it",
                note="1 is an equal share, 0 a class that was dropped",
            ),
        ),
    ),
)
