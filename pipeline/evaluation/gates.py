"""Gates: bounds of the config that a dataset's figures must keep to."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from pipeline.config.schema import Gate
from pipeline.errors import UserError


@dataclass(frozen=True)
class Verdict:
    """One gate, applied. `met` is whether `value` lies within `min` and `max`, ends included."""

    metric: str
    value: float
    min: float | None
    max: float | None
    met: bool

    @property
    def bound(self) -> str:
        """For example "at least 0.8"."""
        parts = [f"at least {self.min:g}"] if self.min is not None else []
        parts += [f"at most {self.max:g}"] if self.max is not None else []
        return " and ".join(parts)


def judge_gates(gates: Mapping[Any, Gate], metrics: Mapping[str, Any]) -> list[Verdict]:
    """Applies every gate to the metric of its name."""
    verdicts = []
    for name, gate in gates.items():
        if name not in metrics:
            raise UserError(f"gates.{name}: no stage measured it; measured are {', '.join(sorted(metrics))}.")
        if not isinstance(metrics[name], int | float):
            raise UserError(f"gates.{name}: {metrics[name]!r} was measured, which is no number.")
        value = float(metrics[name])
        met = (gate.min is None or value >= gate.min) and (gate.max is None or value <= gate.max)
        verdicts.append(Verdict(name, value, gate.min, gate.max, met))
    return verdicts


def as_records(verdicts: list[Verdict]) -> list[dict[str, Any]]:
    """The verdicts for JSON."""
    return [asdict(verdict) for verdict in verdicts]
