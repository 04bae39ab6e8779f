"""Time and cost in words."""

import pytest

from pipeline.config.schema import Prices
from pipeline.report.work import cost, work_lines
from pipeline.runs.usage import ResourceUsage

PRICES = Prices(currency="EUR", core_hour=0.5, gpu_hour=4)


def test_each_stage_has_a_line_and_the_last_is_scaled_to_a_million() -> None:
    lines = work_lines(
        {"train": ResourceUsage(1_000, 3_725, 7_450), "sample": ResourceUsage(500_000, 100, 200, 50)}, PRICES
    )
    assert lines == {
        "train": "1,000 images in 1 h 2 min 5 s, 0 images/s; 2.1 core-hours, 1 EUR",
        "sample": "500,000 images in 1 min 40 s, 5,000 images/s; 0.056 core-hours, 0.014 GPU-hours, 0.083 EUR",
        "a million images": "1,000,000 images in 3 min 20 s, 5,000 images/s; 0.11 core-hours, 0.028 GPU-hours, 0.17 EUR",
    }


def test_what_is_not_known_has_no_line() -> None:
    assert work_lines({"train": ResourceUsage(), "sample": ResourceUsage()}, PRICES) == {}
    assert work_lines({"train": ResourceUsage(10, 1, 1), "sample": ResourceUsage()}, PRICES).keys() == {"train"}


def test_cores_and_gpus_have_prices_of_their_own() -> None:
    assert cost(ResourceUsage(1, 3600, 7200, 3600), PRICES) == pytest.approx(2 * 0.5 + 4)
