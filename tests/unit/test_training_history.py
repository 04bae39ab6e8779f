"""One row for each evaluation, and what it is in files and checkpoints."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.training.history import COUNTS, OWN, EvaluationRow
from tests.unit.training_cases import evaluation_row

FLOATS = st.floats(allow_nan=False)  # which equals nothing
ROWS = st.builds(
    EvaluationRow,
    **{name: st.integers(0, 10**9) if name in COUNTS else FLOATS for name in OWN if name != "augmentation"},
    augmentation=st.none() | st.floats(0, 1),
    validation=st.dictionaries(st.sampled_from(["validation_fd_domain", "validation_coverage", "brightness"]), FLOATS),
)


@given(row=ROWS)
def test_a_row_comes_back_from_its_record(row: EvaluationRow) -> None:
    assert EvaluationRow.of_record(row.record()) == row


def test_the_record_has_the_names_that_files_know_in_their_order() -> None:
    row = evaluation_row(1000, validation={"validation_fd_domain": 12.5})
    assert list(row.record()) == [
        "images_seen",
        "discriminator_loss",
        "generator_loss",
        "logit_gap",
        "discriminator_accuracy",
        "generator_gradient",
        "skipped",
        "average_distance",
        "rollbacks",
        "validation_fd_domain",
    ]
    assert evaluation_row(1000, augmentation=0.25).record()["augmentation"] == 0.25


def test_what_json_has_no_word_for_comes_back_as_not_a_number() -> None:
    record = evaluation_row(1000).record() | {"generator_loss": None, "validation_fd_domain": None}
    row = EvaluationRow.of_record(record)
    assert math.isnan(row.generator_loss)
    assert math.isnan(row.validation["validation_fd_domain"])


@pytest.mark.parametrize("name", [name for name in OWN if name != "augmentation"])
def test_a_number_that_is_missing_is_named(name: str) -> None:
    record = evaluation_row(1000).record()
    del record[name]
    with pytest.raises(ValueError, match=f"^{name} is missing$"):
        EvaluationRow.of_record(record)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("images_seen", 12.5),
        ("images_seen", None),
        ("rollbacks", True),
        ("logit_gap", "1"),
        ("augmentation", []),
        ("validation_fd_domain", {}),
    ],
)
def test_what_is_no_number_is_refused_by_name(name: str, value: Any) -> None:
    with pytest.raises(ValueError, match=f"^{name}: "):
        EvaluationRow.of_record({**evaluation_row(1000).record(), name: value})
