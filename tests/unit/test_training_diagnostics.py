"""What the figures of a run's evaluations say, and what they do not."""

import math
from dataclasses import replace
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.training.diagnostics import (
    COLLAPSED_DIVERSITY,
    DIAGNOSTICS,
    DIVERGED_RATIO,
    FOOLED_ACCURACY,
    MEMORISED_RATIO,
    POLICIES,
    SKIPPED_SHARE,
    SURE_ACCURACY,
    Evaluations,
    Finding,
    diagnose,
    hardest,
)
from pipeline.training.history import COUNTS, EvaluationRow, Metrics
from tests.unit.training_cases import evaluation_row

VALIDATION = {
    "distance": 50.0,
    "validation_diversity_min": 0.6,
    "validation_diversity_mean": 0.8,
    "validation_nearest_ratio": 0.9,
}
HEALTHY = evaluation_row(5000, validation=VALIDATION)
WARN = dict.fromkeys(DIAGNOSTICS, "warn")


def found(*changes: Metrics) -> dict[str, str]:
    """What is wrong after evaluations that differ from a healthy one: messages by diagnostic."""
    history = [
        EvaluationRow.of_record({**HEALTHY.record(), "images_seen": 1000 * (n + 1), **change})
        for n, change in enumerate(changes)
    ]
    return {finding.diagnostic: finding.message for finding in diagnose(Evaluations(history, "distance"), WARN)}


def test_a_healthy_run_has_no_finding() -> None:
    improving = [{"distance": 100 / n, "discriminator_accuracy": 0.5 + n / 50} for n in range(1, 20)]
    assert found(*improving) == {}
    assert found({}) == {}


def test_a_finding_says_when_what_and_what_is_done() -> None:
    collapsed = replace(HEALTHY, images_seen=6000, validation=VALIDATION | {"validation_diversity_mean": 0.05})
    history = [HEALTHY, collapsed]
    policies = WARN | {"collapse": "rollback"}
    (finding,) = diagnose(Evaluations(history, "distance"), policies)
    assert (finding.images_seen, finding.diagnostic, finding.action) == (6000, "collapse", "rollback")
    assert "0.050 times" in finding.message


@pytest.mark.parametrize("missing", VALIDATION)
def test_a_figure_of_validation_that_an_evaluation_lacks_is_not_judged(missing: str) -> None:
    entry = replace(HEALTHY, validation={name: value for name, value in VALIDATION.items() if name != missing})
    assert diagnose(Evaluations([entry, entry], "distance"), WARN) == []


# Each by itself ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["discriminator_loss", "generator_loss", "distance"])
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_figure_that_is_not_finite_is_named(name: str, value: float) -> None:
    assert f"{name} not finite" in found({name: value})["non_finite"]
    assert "non_finite" not in found({name: value}, {})  # the newest evaluation is judged


def test_a_side_figure_that_is_not_defined_ends_no_run() -> None:
    assert "non_finite" not in found({"validation_nearest_ratio": math.nan, "logit_gap": math.inf})


def test_too_many_skipped_steps_are_found_and_a_few_are_not() -> None:
    assert found({"skipped": SKIPPED_SHARE}) == {}
    assert found({"skipped": 0.02}).keys() == {"non_finite"}
    assert "2.0% of the steps" in found({"skipped": 0.02})["non_finite"]


@pytest.mark.parametrize("name", ["validation_diversity_min", "validation_diversity_mean", "validation_diversity_all"])
def test_collapse_is_too_little_difference_within_a_class_on_average_or_of_all(name: str) -> None:
    assert found({name: COLLAPSED_DIVERSITY}) == {}
    assert found({name: COLLAPSED_DIVERSITY - 0.001}).keys() == {"collapse"}
    assert ("some class" in found({name: 0.0})["collapse"]) == (name == "validation_diversity_min")


@pytest.mark.parametrize(
    ("bound", "beyond", "word"), [(SURE_ACCURACY, 0.999, "apart"), (FOOLED_ACCURACY, 0.0, "fake for the real")]
)
def test_a_discriminator_far_ahead_or_far_behind_twice_in_a_row_is_found(
    bound: float, beyond: float, word: str
) -> None:
    good, bad = {"discriminator_accuracy": bound}, {"discriminator_accuracy": beyond}
    for history in ([bad], [bad, good], [good, bad], [bad, good, bad], [bad, bad, good], [good, good]):
        assert found(*history) == {}
    for history in ([bad, bad], [good, bad, bad]):
        assert found(*history).keys() == {"overpowering"}
        assert word in found(*history)["overpowering"]


def test_once_ahead_and_once_behind_is_neither() -> None:
    assert found({"discriminator_accuracy": 1.0}, {"discriminator_accuracy": 0.0}) == {}


def test_a_distance_far_above_its_best_twice_in_a_row_is_oscillation() -> None:
    best, at, above = {"distance": 10.0}, {"distance": 10 * DIVERGED_RATIO}, {"distance": 10 * DIVERGED_RATIO + 0.01}
    for history in ([above, best], [best, above], [best, at, at], [best, above, at], [best, at, above], [above, above]):
        assert found(*history) == {}
    for history in ([best, above, above], [best, at, above, above], [best, above, {"distance": math.inf}]):
        assert "oscillation" in found(*history)


def test_the_best_distance_is_a_finite_one() -> None:
    never = {"distance": math.nan}
    assert found(never, {"distance": 30.0}, {"distance": 30.0}) == {}
    assert found(never, never, never).keys() == {"non_finite"}


def test_memorisation_is_being_much_nearer_to_training_images_than_held_out_ones_are() -> None:
    assert found({"validation_nearest_ratio": MEMORISED_RATIO}) == {}
    assert found({"validation_nearest_ratio": MEMORISED_RATIO - 0.01}).keys() == {"memorisation"}


# Across a rollback ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [{"discriminator_accuracy": 1.0}, {"distance": 500.0}])
def test_evaluations_before_a_rollback_do_not_count_as_in_a_row_with_those_after_it(bad: Metrics) -> None:
    again: Metrics = {"rollbacks": 1}
    assert found({}, bad, bad | again) == {}
    assert found({}, bad, bad, bad | again) == {}
    assert len(found({}, bad, bad, bad | again, bad | again)) == 1


def test_the_best_distance_of_an_earlier_attempt_is_still_the_best() -> None:
    assert "oscillation" in found(
        {"distance": 10.0}, {"distance": 30, "rollbacks": 1}, {"distance": 30, "rollbacks": 1}
    )


# Policies ------------------------------------------------------------------------------------------------------------


def test_the_hardest_of_several_actions_is_taken() -> None:
    assert hardest([]) is None
    for first, second in product(POLICIES, POLICIES):
        findings = [Finding(0, "collapse", "", action) for action in (first, second)]
        assert hardest(findings) == max(first, second, key=("warn", "rollback", "stop").index)
    assert [hardest([Finding(0, "", "", a), Finding(0, "", "", b)]) for a, b in pairwise(POLICIES)] == [
        "rollback",
        "stop",
    ]


FIGURES = st.fixed_dictionaries({name: st.floats(allow_nan=True) for name in HEALTHY.record() if name not in COUNTS})


@given(entries=st.lists(FIGURES, min_size=1, max_size=4))
def test_whatever_the_figures_are_there_is_an_answer_in_words(entries: list[Metrics]) -> None:
    for name, message in found(*entries).items():
        assert name in DIAGNOSTICS
        assert message
