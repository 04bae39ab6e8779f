"""Figures for people: the ones that were measured, each beside what to hold it against."""

import pytest

from pipeline.report.metric_rows import metric_groups
from tests.unit.report_data import METRICS, UNLABELLED_METRICS

FIGURES = {**METRICS, "duplicates": 1, "class_balance": 0.75}


def rows(metrics: dict[str, object]) -> dict[str, tuple[str, str]]:
    return {
        row.key: (row.value_with_error, row.comparison) for group in metric_groups(metrics).values() for row in group
    }


def test_each_figure_stands_beside_that_of_real_images() -> None:
    shown = rows(FIGURES)
    assert shown["tstr_accuracy"] == ("87.6 %", "trained on real: 91.2 %")
    assert shown["recall"] == ("0.79", "real images: 0.93")
    assert shown["fd_domain"] == ("12.3 ± 0.4", "real images: 1.3 ± 0.2; not FID")
    assert shown["unique_share"] == ("99.951 %", "1 exact duplicates")


@pytest.mark.parametrize(
    ("key", "error", "said"),
    [
        ("tstr_accuracy", 0.0032, "87.6 % ± 0.3 %"),
        ("recall", 0.0049, "0.79 ± 0.005"),
        ("fd_domain", 0.68, "12.3 ± 0.7"),
        ("fd_domain", 12.4, "12.3 ± 12"),
    ],
)
def test_an_error_is_said_to_one_digit_in_the_figure_s_unit(key: str, error: float, said: str) -> None:
    assert rows(FIGURES | {f"{key}_error": error})[key][0] == said


def test_the_spread_is_said_where_there_were_several_seeds() -> None:
    assert rows(FIGURES | {"tstr_accuracy_spread": 0.004})["tstr_accuracy"][1].endswith("; ± 0.4 from seed to seed")


def test_without_labels_there_are_no_figures_of_labels() -> None:
    shown = rows(UNLABELLED_METRICS)
    assert "class_share_min" in shown
    assert not shown.keys() & {
        "tstr_accuracy",
        "augmented_accuracy",
        "tstr_class_min",
        "label_accuracy",
        "class_balance",
    }
