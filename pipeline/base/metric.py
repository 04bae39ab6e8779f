"""Declare a metric once: the config, the report and the docs all go by it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

# What was measured, by name: numbers, numbers by class, and the digests of what they were measured with.
MetricValues = dict[str, Any]


class Need(StrEnum):
    """Name what has to be available for a metric to be measured."""

    # A dataset on disk, which the stage `audit` reads back; without this need, images that a stage generates will do.
    RECORDS = "records"
    LABELS = "labels"  # that the images were asked for
    NO_LABELS = "no labels"  # were asked for
    CLASSES = "classes"  # in the data, two or more
    ONE_CLASS = "one class"  # in the data, and no more
    INCEPTION = "inception"  # evaluate.features of this kind
    ONNX = "onnx"  # evaluate.features of this kind
    FULL = "full"  # audit.full


@dataclass(frozen=True)
class Form:
    """Format a value for people."""

    decimals: int
    share: bool = False  # as a percentage

    def text(self, value: float) -> str:
        """Return the value as text, for example "87.6 %" for 0.876."""
        return f"{100 * value:.{self.decimals}f} %" if self.share else f"{value:.{self.decimals}f}"

    def error(self, error: float | None) -> str:
        """Return the error to one digit, in the value's unit; empty for None.

        More digits would say nothing, as an error is itself known to a sixth.
        """
        if error is None:
            return ""
        unit, scaled = (" %", 100 * error) if self.share else ("", error)
        return (f"{scaled:.0f}" if scaled >= 1 else f"{scaled:.1g}") + unit


COUNT, ONE, TWO, THREE, FOUR = (Form(decimals) for decimals in range(5))
PERCENT = Form(1, share=True)

Group = Literal["Usefulness", "Fidelity and variety", "Privacy"]


@dataclass(frozen=True, kw_only=True)
class ReportRow:
    """Say where a metric stands in the report, and what is said there."""

    group: Group
    label: str  # in plain words
    real: str = "real images"  # what the counterpart of real images is called
    note: str = ""  # said beside the value
    comparison: Callable[[Mapping[str, Any]], str] | None = None  # says it from all metrics, in place of the two above


@dataclass(frozen=True, kw_only=True)
class TrainingView:
    """Say how a metric is shown while a pair trains, measured on `validation`."""

    words: str  # before its value in the line of each evaluation
    chart: str  # title of its chart
    in_report: bool = True  # the chart, which always stands in curves.png
    gauge: str | None = None  # name of its gauge for Prometheus; several metrics may share one, of which a run has one


@dataclass(frozen=True, kw_only=True)
class Metric:
    """Declare one number that is measured, by its name in `evaluate.json` and `audit.json`."""

    name: str
    also: tuple[str, ...] = ()  # names of what is measured with it and told of in the same row of the docs
    definition: str  # for the docs, with the paper
    best: str  # what a perfect dataset has, for the docs
    better: Literal["higher", "lower"] | float  # a number: the nearer to it
    form: Form
    needs: tuple[Need, ...] = ()
    real: str | None = None  # name of its counterpart of real images
    signed: bool = False  # can be 0 or below, so that a ratio to the counterpart means nothing
    gate: bool = True  # whether the config may bound it
    of_all_classes: bool = False  # has no good value where some class is not asked for
    row: ReportRow | None = None  # None: the report does not show it
    training: TrainingView | None = None  # None: training does not measure it, or does not show it

    @property
    def names(self) -> tuple[str, ...]:
        """Return all names that its row of the docs explains."""
        return (self.name, *self.also)

    @property
    def ratio(self) -> str | None:
        """Return the name of the counterpart that a gate may bound its ratio to."""
        return None if self.signed or not self.gate else self.real
