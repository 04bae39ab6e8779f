"""An entry of the registry of metrics: some metrics that are measured together."""

from dataclasses import dataclass

from pipeline.base.metric import Metric


@dataclass(frozen=True, kw_only=True)
class Measurement:
    """What a file of `pipeline/evaluation/metrics` declares as `MEASUREMENT`."""

    metrics: tuple[Metric, ...]
    rank: int = 1_000  # place in the report and the docs: the lowest first
