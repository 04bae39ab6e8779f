"""Figures of too few images are marked, by what there is too little of."""

import pytest

from pipeline.config.constants import ENOUGH
from pipeline.evaluation.few import measured_on, warnings_of_few

METRICS = {"images": 2000, "real_images": 450, "floor_images": 1168, "validation_images": 179, "coverage": 1.0}


def test_each_kind_of_images_is_counted_as_far_as_it_is_known():
    assert measured_on(METRICS) == {
        "synthetic images": 2000, "real holdout images": 450, "real training images": 1168, "validation images": 179,
    }  # fmt: skip
    assert measured_on({"coverage": 1.0}) == {}


def test_nothing_is_said_of_enough_images():
    assert warnings_of_few(METRICS | {"real_images": ENOUGH}) == []


@pytest.mark.parametrize(
    ("name", "kind"), [("images", "synthetic"), ("real_images", "real holdout"), ("floor_images", "real training"),
                       ("validation_images", "validation")],
)  # fmt: skip
def test_too_few_of_any_kind_are_warned_of_with_their_number(name, kind):
    warning = f"measured on 4 {kind} images: too few for a reliable result; at least {ENOUGH} are needed"
    assert warnings_of_few(METRICS | {name: 4}) == [warning]
