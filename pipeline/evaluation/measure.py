"""Measure all metrics of the registry."""

from collections.abc import Iterator

from pipeline.base.metric import MetricValues
from pipeline.base.registry import load_entries
from pipeline.evaluation.evidence import Evidence
from pipeline.evaluation.measurement import Measurement

# By the names of their modules.
ENTRIES: dict[str, Measurement] = {
    module.__name__: module.MEASUREMENT for module in load_entries("pipeline.evaluation.metrics").values()
}
# Modules that what `metrics_of_real` returns depends on.
CODE_OF_REAL = (
    "pipeline.evaluation.evidence",
    *(name for name, entry in ENTRIES.items() if entry.measure_real is not None),
)


def metrics_of(evidence: Evidence, of_real: MetricValues) -> MetricValues:
    """Measure everything that the evidence allows.

    Args:
        evidence: what the stage has to measure from.
        of_real: what `metrics_of_real` returned, now or in an earlier run.

    Returns:
        All values by name, those of real images among them.
    """
    possible = list(_possible(evidence))
    on_measured = evidence.track("measuring", len(possible), "measurements", even=False)
    found: MetricValues = {}
    for each in possible:
        found |= each.measure(evidence)
        on_measured(1)
    found |= of_real
    for each in possible:
        found |= each.derive(found) if each.derive is not None else {}
    return found


def metrics_of_real(evidence: Evidence) -> MetricValues:
    """Measure training images in the place of the synthetic ones, each name with `_real`.

    Synthetic images that come out better do so by chance.
    """
    return {
        f"{name}_real": value
        for each in _possible(evidence)
        if each.measure_real is not None
        for name, value in each.measure_real(evidence).items()
    }


def _possible(evidence: Evidence) -> Iterator[Measurement]:
    """Yield, by rank, the measurements of which at least one metric has all that it needs."""
    for each in sorted(ENTRIES.values(), key=lambda entry: entry.rank):
        if any(evidence.available.issuperset(metric.needs) for metric in each.metrics):
            yield each
