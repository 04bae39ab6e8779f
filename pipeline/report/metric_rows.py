"""Build the rows of a metric table for people. docs/reference/metrics.md defines the metrics."""

from dataclasses import dataclass
from typing import get_args

from pipeline.base.metric import Group, Metric, MetricValues, ReportRow
from pipeline.config.metrics import METRICS

METRICS_FILE = "figures.json"  # of a published version


@dataclass(frozen=True)
class Row:
    """Hold one metric for people: its name in plain words, its value, and a comparison.

    `key` is its name in the files under `metrics`.
    """

    key: str
    label: str
    value: str
    error: str  # its standard error, empty where it has none
    comparison: str

    @property
    def value_with_error(self) -> str:
        """Return the value with its error, for example "0.92 ± 0.004"."""
        return f"{self.value} ± {self.error}" if self.error else self.value


def metric_groups(metrics: MetricValues) -> dict[str, list[Row]]:
    """Return the rows of a table, by heading.

    A metric that was not measured has no row, for example those of labels where there are none.
    """
    groups: dict[str, list[Row]] = {title: [] for title in get_args(Group)}
    for key, metric in METRICS.items():
        if metric.row is not None and key in metrics:
            value, error = metric.form.text(metrics[key]), metric.form.error(metrics.get(f"{key}_error"))
            groups[metric.row.group].append(
                Row(key, metric.row.label, value, error, _comparison(metric, metric.row, metrics))
            )
    return groups


def _comparison(metric: Metric, row: ReportRow, metrics: MetricValues) -> str:
    """Return what stands next to a value: that of real images where there is one, and the metric's note."""
    if row.comparison is not None:
        return row.comparison(metrics)
    real = metrics.get(metric.real) if metric.real is not None else None
    parts = ([] if real is None else [f"{row.real}: {metric.form.text(real)}"]) + ([row.note] if row.note else [])
    return "; ".join(parts)
