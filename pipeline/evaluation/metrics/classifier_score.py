"""Measure how sure the domain classifier is of synthetic images, and how evenly it predicts its classes for them."""

from typing import TYPE_CHECKING

from pipeline.base.metric import TWO, Metric, Need
from pipeline.evaluation.measurement import Measurement

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.evaluation.evidence import Evidence


def _score(features: "Tensor", evidence: "Evidence") -> dict[str, float]:
    from pipeline.evaluation.fidelity import classifier_score
    from pipeline.evaluation.resampling import Part, with_errors

    # The real images do not count, but with them the error is computed on the same halves as for the other metrics.
    def of_sets(fakes: Part, _reals: Part) -> dict[str, float]:
        return {"classifier_score": classifier_score(fakes[0].double().numpy())}

    probabilities = evidence.embedder.probabilities(features)
    return with_errors(of_sets, (probabilities,), (evidence.holdout_features,))


MEASUREMENT = Measurement.of_features(
    _score,
    rank=50,
    metrics=(
        Metric(
            name="classifier_score",
            definition="high where the classifier is sure of each image and predicts all classes equally often "
            "(Salimans et al. 2016, with the "
            "domain's classes)",
            best="number of classes",
            better="higher",
            form=TWO,
            needs=(Need.CLASSES,),
            real="classifier_score_real",
        ),
    ),
)
