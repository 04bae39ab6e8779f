"""How sure the domain classifier is of drawn images, and how evenly it sees its classes in them."""

from pipeline.base.metric import TWO, Metric, Need
from pipeline.evaluation.measurement import Measurement

MEASUREMENT = Measurement(
    rank=50,
    metrics=(
        Metric(
            name="classifier_score",
            definition="high where the classifier is sure of each image and sees all classes as often (Salimans et al. 2016, with the "
            "domain's classes)",
            best="number of classes",
            better="higher",
            form=TWO,
            needs=(Need.CLASSES,),
            real="classifier_score_real",
        ),
    ),
)
