"""An entry of the registry of metrics: some metrics, and how they are measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pipeline.base.metric import Metric, MetricValues

if TYPE_CHECKING:
    from pipeline.evaluation.evidence import Evidence


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What a file of `pipeline/evaluation/metrics` declares as `MEASUREMENT`.

    `measure` is called where what at least one of the metrics needs is there. It returns their values by name, and what belongs
    to them: standard errors as NAME_error, the names that they list in `also`, and counterparts of real images that are not
    `measure_real`'s.
    """

    metrics: tuple[Metric, ...]
    measure: "Callable[[Evidence], MetricValues]"
    # Measures the same where training images stand in for the synthetic ones. The names get `_real`; kept from run to run.
    measure_real: "Callable[[Evidence], MetricValues] | None" = None
    # Makes more of all that was measured, counterparts included.
    derive: Callable[[Mapping[str, Any]], MetricValues] | None = None
    rank: int = 1_000  # place in the report and the docs: the lowest first
