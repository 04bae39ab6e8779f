"""Figures for people: the ones that were measured, each beside what to hold it against."""

from pipeline.report.figures import figure_groups
from tests.unit.report_data import METRICS, UNLABELLED_METRICS

FIGURES = {**METRICS, "duplicates": 1, "class_balance": 0.75}


def rows(metrics: dict[str, object]) -> dict[str, tuple[str, str]]:
    return {row.key: (row.value, row.beside) for group in figure_groups(metrics).values() for row in group}


def test_each_figure_stands_beside_that_of_real_images() -> None:
    shown = rows(FIGURES)
    assert shown["tstr_accuracy"] == ("87.6 %", "trained on real: 91.2 %")
    assert shown["recall"] == ("0.79", "real images: 0.93")
    assert shown["fd_domain"] == ("12.3 ± 0.4", "real images: 1.3 ± 0.2; not FID")
    assert shown["unique_share"] == ("99.951 %", "1 exact duplicates")


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
