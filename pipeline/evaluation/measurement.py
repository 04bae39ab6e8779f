"""Define an entry of the registry of metrics: several metrics, and how they are measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from pipeline.base.metric import Metric, MetricValues
from pipeline.runs.fingerprint import six_digits

if TYPE_CHECKING:
    from torch import Tensor

    from pipeline.evaluation.evidence import Evidence


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """Hold what a file of `pipeline/evaluation/metrics` declares as `MEASUREMENT`.

    `measure` is called where at least one of the metrics has all that it needs. It returns their values by name, their
    standard errors as NAME_error, and the names that they list in `also`. It also returns those counterparts of real
    images that `measure_real` does not.
    """

    metrics: tuple[Metric, ...]
    measure: "Callable[[Evidence], MetricValues]"
    # Measures the same where training images stand in for the synthetic ones. The names get `_real`; kept from run to run.
    measure_real: "Callable[[Evidence], MetricValues] | None" = None
    # Makes more of all that was measured, counterparts included.
    derive: Callable[[Mapping[str, Any]], MetricValues] | None = None
    rank: int = 1_000  # place in the report and the docs, and in the order of work: the lowest first

    @classmethod
    def of_features(
        cls,
        measure: "Callable[[Tensor, Evidence], Mapping[str, float]]",
        *,
        metrics: tuple[Metric, ...],
        rank: int,
        derive: Callable[[Mapping[str, Any]], MetricValues] | None = None,
    ) -> Self:
        """Return a measurement of features, `float [N, features]`, of the synthetic images and of their stand-ins.

        Stand-ins are training images in the place of the synthetic ones. Values are rounded to six digits.
        """

        def rounded(features: "Tensor", evidence: "Evidence") -> MetricValues:
            return {name: six_digits(value) for name, value in measure(features, evidence).items()}

        return cls(
            metrics=metrics,
            measure=lambda evidence: rounded(evidence.fake_features, evidence),
            measure_real=lambda evidence: rounded(evidence.stand_in_features, evidence),
            derive=derive,
            rank=rank,
        )
