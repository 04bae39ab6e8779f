"""How a metric's value is written, and what of its declaration makes a gate."""

import dataclasses

import pytest

from pipeline.base.metric import COUNT, FOUR, ONE, PERCENT, Form, Metric

DECLARED = Metric(name="sharpness", definition="", best="1", better="higher", form=ONE, real="sharpness_real")


@pytest.mark.parametrize(
    ("form", "value", "text"),
    [
        (PERCENT, 0.876, "87.6 %"),
        (Form(3, share=True), 0.99951, "99.951 %"),
        (COUNT, 2500, "2500"),
        (FOUR, -0.00012, "-0.0001"),
    ],
)
def test_a_value_is_written_in_its_form(form: Form, value: float, text: str) -> None:
    assert form.text(value) == text


@pytest.mark.parametrize(
    ("form", "error", "text"), [(PERCENT, 0.0032, "0.3 %"), (ONE, 0.68, "0.7"), (ONE, 12.4, "12"), (ONE, None, "")]
)
def test_an_error_is_written_to_one_digit(form: Form, error: float | None, text: str) -> None:
    assert form.error(error) == text


@pytest.mark.parametrize("change", [{"signed": True}, {"gate": False}, {"real": None}])
def test_a_ratio_to_real_images_can_be_bounded_where_it_means_something(change: dict[str, object]) -> None:
    assert DECLARED.ratio == "sharpness_real"
    assert dataclasses.replace(DECLARED, **change).ratio is None
