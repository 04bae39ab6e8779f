"""What is declared of metrics, by name, in the order of the report: gates, their rules, rows and tables are made of it."""

from pipeline.base.declarations import declarations
from pipeline.base.metric import Metric

METRICS: dict[str, Metric] = {
    metric.name: metric
    for measurement in sorted(
        declarations("pipeline.evaluation.metrics", "MEASUREMENT").values(), key=lambda each: each.rank
    )
    for metric in measurement.metrics
}
