"""A gate is met exactly when its figure lies within its bounds."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.base.errors import UserError
from pipeline.config.load import load_config
from pipeline.config.schema import Gate
from pipeline.evaluation.gates import Verdict, apply_gates, as_records

NUMBER = st.floats(allow_nan=False, allow_infinity=False)


def met(value: float, **bounds: float) -> bool:
    (verdict,) = apply_gates({"fd_domain": Gate(**bounds)}, {"fd_domain": value})
    return verdict.met


@given(value=NUMBER, bound=NUMBER)
def test_one_bound_is_met_on_its_side_ends_included(value, bound):
    assert met(value, min=bound) == (value >= bound)
    assert met(value, max=bound) == (value <= bound)


@given(value=NUMBER, bounds=st.tuples(NUMBER, NUMBER).map(sorted))
def test_two_bounds_are_met_between_them_ends_included(value, bounds):
    low, high = bounds
    assert met(value, min=low, max=high) == (low <= value <= high)
    assert met(low, min=low, max=high)
    assert met(high, min=low, max=high)


def test_next_number_outside_a_bound_misses_it():
    assert not met(math.nextafter(0.8, 0), min=0.8)
    assert not met(math.nextafter(0.8, 1), max=0.8)


@pytest.mark.parametrize("bounds", [{"min": -1e300}, {"max": 1e300}, {"min": -1e300, "max": 1e300}])
def test_figure_that_is_no_number_meets_no_gate(bounds):
    assert not met(math.nan, **bounds)


def test_every_gate_is_judged_in_the_order_of_the_config_missed_ones_too():
    gates = {"tstr_accuracy": Gate(min=0.9), "train_copies": Gate(max=0.0), "unique_share": Gate(min=0.5)}
    verdicts = apply_gates(gates, {"unique_share": 1.0, "train_copies": 3, "tstr_accuracy": 0.95, "more": 1})
    assert [(verdict.metric, verdict.value, verdict.met) for verdict in verdicts] == [
        ("tstr_accuracy", 0.95, True), ("train_copies", 3.0, False), ("unique_share", 1.0, True),
    ]  # fmt: skip


def test_gate_on_a_figure_that_no_stage_measured_is_refused_with_what_was_measured():
    with pytest.raises(UserError, match=r"gates\.fd_domain: no stage measured fd_domain; measured are a, b\."):
        apply_gates({"fd_domain": Gate(max=1.0)}, {"b": 1, "a": 2})


def test_a_ratio_to_real_images_is_judged_beside_the_value():
    gates = {"coverage": Gate(min=0.5, min_of_real=0.9), "tstr_accuracy": Gate(min_of_real=0.95, max_of_real=1.5)}
    measured = {"coverage": 0.75, "coverage_real": 0.875, "tstr_accuracy": 0.75, "trtr_accuracy": 0.75}
    assert [(each.metric, each.value, each.bound, each.met) for each in apply_gates(gates, measured)] == [
        ("coverage", 0.75, "at least 0.5", True),
        ("coverage / coverage_real", 0.75 / 0.875, "at least 0.9", False),
        ("tstr_accuracy / trtr_accuracy", 1.0, "at least 0.95 and at most 1.5", True),
    ]


def test_a_ratio_to_nothing_is_refused():
    with pytest.raises(UserError, match=r"gates\.recall: recall_real is 0"):
        apply_gates({"recall": Gate(min_of_real=0.5)}, {"recall": 0.0, "recall_real": 0.0})
    with pytest.raises(UserError, match=r"gates\.recall: no stage measured recall_real"):
        apply_gates({"recall": Gate(min_of_real=0.5)}, {"recall": 0.0})


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [(0.8, None, "at least 0.8"), (None, 0.0, "at most 0"), (0.25, 100.0, "at least 0.25 and at most 100")],
)
def test_bound_reads_as_a_sentence(low, high, words):
    assert Verdict("fd_domain", 1.0, low, high, True).bound == words


def test_records_come_back_from_json_as_the_same_verdicts():
    verdicts = apply_gates({"fd_domain": Gate(max=10.0)}, {"fd_domain": 12.5})
    assert [Verdict(**record) for record in json.loads(json.dumps(as_records(verdicts)))] == verdicts


@pytest.mark.parametrize(
    "preset", sorted((Path(__file__).parents[2] / "conf").glob("[!a]*.yaml")), ids=lambda path: path.stem
)
def test_every_preset_refuses_a_generator_that_covers_a_fifth_of_the_real_images(preset: Path) -> None:
    gates = {"coverage": load_config(preset).gates["coverage"]}
    assert not any(verdict.met for verdict in apply_gates(gates, {"coverage": 0.2, "coverage_real": 0.97}))
    assert all(verdict.met for verdict in apply_gates(gates, {"coverage": 0.9, "coverage_real": 0.97}))
