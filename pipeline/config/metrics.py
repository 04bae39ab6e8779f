"""Collect what metrics declare, by name, in the order of the report.

Gates, their rules, rows and tables are derived from it.
"""

from collections.abc import Iterable, Iterator

from pipeline.base.declarations import declarations
from pipeline.base.errors import UserError
from pipeline.base.metric import Metric, TrainingView

PACKAGE = "pipeline.evaluation.metrics"


def by_name(metrics: Iterable[Metric]) -> dict[str, Metric]:
    """Return metrics by name; a UserError names one that is declared twice."""
    declared: dict[str, Metric] = {}
    for metric in metrics:
        if metric.name in declared:
            raise UserError(
                f"{PACKAGE}: the metric {metric.name!r} is declared twice; give one of the two another name."
            )
        declared[metric.name] = metric
    return declared


METRICS = by_name(
    metric
    for measurement in sorted(declarations(PACKAGE, "MEASUREMENT").values(), key=lambda each: each.rank)
    for metric in measurement.metrics
)


def in_training() -> Iterator[tuple[str, Metric, TrainingView]]:
    """Yield what training shows: its name among the columns of training.csv, the metric, and how it is shown."""
    for metric in METRICS.values():
        if metric.training is not None:
            yield f"validation_{metric.name}", metric, metric.training
