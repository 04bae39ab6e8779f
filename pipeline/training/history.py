"""Record what a run's evaluations measured: one row each."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

Metrics = dict[str, float]


@dataclass(frozen=True)
class EvaluationRow:
    """Hold the numbers of one evaluation, which are the same each time the run is repeated.

    Losses and the other results of steps are means over the steps since the last evaluation. Skipped steps do not
    count; where all were skipped, these means are not a number.
    """

    images_seen: int
    discriminator_loss: float
    generator_loss: float
    logit_gap: float  # mean D(real) - mean D(fake)
    discriminator_accuracy: float  # share of pairs in which the real image has the higher logit
    generator_gradient: float
    skipped: float  # share of the steps that had a gradient that is not finite
    average_distance: float  # from the generator to its average, as a share of the generator's length
    rollbacks: int  # of the run so far
    augmentation: float | None = None  # probability of an adaptive augmentation; None: there is none
    validation: Metrics = field(default_factory=dict)  # of the evaluator, by its own names; on the first worker only

    def record(self) -> Metrics:
        """Return all numbers in one level, by the names that files, logs and gauges know them by."""
        own = {name: getattr(self, name) for name in OWN}
        return {name: value for name, value in own.items() if value is not None} | self.validation

    @classmethod
    def of_record(cls, record: Mapping[str, Any]) -> Self:
        """Return the row from what `record` returned; a value that is not a number may be None, as JSON stores it.

        Raises:
            ValueError: a number is missing, or something else stands in its place.
        """
        missing = [name for name in OWN if name not in record and name != "augmentation"]
        if missing:
            raise ValueError(f"{missing[0]} is missing")
        own: dict[str, Any] = {name: _number(name, record[name]) for name in OWN if name in record}
        for name in COUNTS:
            if not isinstance(own[name], int):
                raise ValueError(f"{name}: {record[name]!r} is no whole number")
        return cls(**own, validation={name: _number(name, record[name]) for name in record if name not in OWN})


OWN = tuple(each.name for each in fields(EvaluationRow) if each.name != "validation")
COUNTS = ("images_seen", "rollbacks")


def _number(name: str, value: object) -> float:
    if value is None:
        return math.nan
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{name}: {value!r} is no number")
    return value
