"""Apply gates: bounds of the config that a dataset's metrics must keep to."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.base.errors import UserError
from pipeline.config.metrics import METRICS
from pipeline.config.schema import Gate


@dataclass(frozen=True)
class Verdict:
    """Hold the outcome of one gate; `met` is whether `value` lies within `min` and `max`, both included."""

    metric: str
    value: float
    min: float | None
    max: float | None
    met: bool

    @property
    def bound(self) -> str:
        """Return the bound in words, for example "at least 0.8"."""
        parts = [f"at least {self.min:g}"] if self.min is not None else []
        parts += [f"at most {self.max:g}"] if self.max is not None else []
        return " and ".join(parts)


def apply_gates(gates: Mapping[Any, Gate], metrics: Mapping[str, Any]) -> list[Verdict]:
    """Apply every gate to the metric of its name, and to its ratio to that of real images where that is bounded."""
    verdicts = []
    for name, gate in gates.items():
        value = _measured(name, name, metrics)
        if gate.min is not None or gate.max is not None:
            verdicts.append(_verdict(name, value, gate.min, gate.max))
        if gate.of_real:
            counterpart = METRICS[name].ratio
            assert counterpart is not None  # the config refuses such a gate
            real = _measured(name, counterpart, metrics)
            if real <= 0:
                raise UserError(f"gates.{name}: {counterpart} is {real:g}, so there is no ratio to it. Use min or max.")
            verdicts.append(_verdict(f"{name} / {counterpart}", value / real, gate.min_of_real, gate.max_of_real))
    return verdicts


def _measured(gate: str, metric: str, metrics: Mapping[str, Any]) -> float:
    if metric not in metrics:
        raise UserError(f"gates.{gate}: no stage measured {metric}; measured are {', '.join(sorted(metrics))}.")
    if not isinstance(metrics[metric], int | float):
        raise UserError(f"gates.{gate}: the measured {metric} is {metrics[metric]!r}, which is no number.")
    return float(metrics[metric])


def _verdict(metric: str, value: float, least: float | None, most: float | None) -> Verdict:
    met = (least is None or value >= least) and (most is None or value <= most)
    return Verdict(metric, value, least, most, met)


def as_records(verdicts: list[Verdict]) -> list[dict[str, object]]:
    """Return the verdicts as JSON can hold them."""
    return [asdict(verdict) for verdict in verdicts]
