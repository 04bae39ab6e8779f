"""What a dataset is said to be good for follows from its figures."""

from typing import Any

import pytest

from pipeline.evaluation.gates import Verdict
from pipeline.report.advice import advice
from tests.unit.report_data import FEW, METRICS, UNLABELLED_METRICS, WARNINGS

PRIVATE = {"train_copies": 0, "near_train_share": 0.003, "membership_auc": 0.51}
MET, MISSED = Verdict("recall", 0.9, 0.5, None, True), Verdict("recall", 0.4, 0.5, None, False)


def said(metrics: dict[str, Any], *verdicts: Verdict) -> tuple[str, str]:
    use, avoid = advice(metrics, list(verdicts), "a source")
    return " ".join(use), " ".join(avoid)


def test_a_missed_gate_comes_before_everything() -> None:
    assert said(METRICS, MET, MISSED)[1].startswith("Any purpose, before you know why")
    assert "Any purpose" not in said(METRICS, MET)[1]


def test_records_are_said_to_add_to_real_ones_only_where_they_did() -> None:
    use, avoid = said(METRICS | {"trtr_accuracy": 0.9, "augmented_accuracy": 0.91})
    assert "Adding to real images: together 91.0 %, real images alone 90.0 %" in use
    assert "Adding" not in avoid
    use, avoid = said(METRICS | {"trtr_accuracy": 0.9, "augmented_accuracy": 0.9015})
    assert "Adding" not in use
    assert "it did not help a classifier here" in avoid


@pytest.mark.parametrize(("accuracy", "good"), [(0.12, False), (0.49, False), (0.51, True), (0.9, True)])
def test_teaching_is_advised_where_a_classifier_learns_at_least_half(accuracy: float, good: bool) -> None:
    """Of ten classes guessing gets 10 %, real images 90 %: half of what is learned from those is at 50 %."""
    classes = {f"class {number}": accuracy for number in range(10)}
    use, avoid = said(METRICS | {"tstr_accuracy": accuracy, "trtr_accuracy": 0.9, "tstr_by_class": classes})
    assert ("Training a classifier where the real images cannot be shared." in use) == good
    assert ("and guessing 10.0 %." in avoid) == (not good)


def test_without_labels_nothing_is_said_of_teaching() -> None:
    use, avoid = said(UNLABELLED_METRICS)
    assert "Learning without labels" in use
    assert "right" not in use + avoid


@pytest.mark.parametrize(
    "sign",
    [{"train_copies": 2}, {"near_train_share": 0.03}, {"membership_auc": 0.6}, {"membership_inversion_auc": 0.6}],
    ids=str,
)
def test_each_sign_of_learning_by_heart_is_enough_to_warn(sign: dict[str, float]) -> None:
    assert "that proves nothing" in said(METRICS | PRIVATE)[1]
    assert "Keeping the real images secret" in said(METRICS | PRIVATE | sign)[1]


def test_copies_of_held_out_images_spoil_a_test_on_them() -> None:
    assert "3 records are copies of held-out images" in said(METRICS | {"held_out_copies": 3})[1]
    assert "held-out images" not in said(METRICS | PRIVATE)[1]


def test_figures_of_too_few_images_are_nothing_to_conclude_from() -> None:
    avoid = said(METRICS | FEW)[1]
    assert all(f"Conclusions from its metrics: {warning}." in avoid for warning in WARNINGS)
    assert "Conclusions" not in said(METRICS)[1]
