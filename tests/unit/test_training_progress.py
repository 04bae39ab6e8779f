"""The line that a user watches for hours."""

import pytest

from pipeline.training.diagnostics import POLICIES, Finding
from pipeline.training.progress import finding_line, progress_line
from pipeline.training.trainer import Evaluation


def line(seen: int, rate: float, total: int) -> str:
    metrics = {
        "images_seen": seen,
        "discriminator_loss": 0.6934,
        "generator_loss": 1.25,
        "validation_fd_domain": 123.46,
        "validation_label_accuracy": 0.987,
        "validation_diversity_min": 0.812,
    }
    return progress_line(Evaluation(metrics, [], None, rate), total)


def test_it_says_how_far_how_fast_how_long_and_how_good() -> None:
    assert line(50_000, 1200.4, 600_000) == (
        "50,000 of 600,000 images (8%) | 1,200 images/s | 7:38 left | D 0.693 G 1.250 | "
        "validation: fd_domain 123.5, labels right 98.7%, least diversity 0.81"
    )


@pytest.mark.parametrize(
    ("seen", "total", "expected"), [(0, 50, "0:05"), (0, 590, "0:59"), (0, 600, "1:00"), (0, 72_000, "120:00")]
)
def test_time_left_is_in_minutes_and_seconds(seen: int, total: int, expected: str) -> None:
    assert f"| {expected} left |" in line(seen, 10, total)


def test_at_the_end_nothing_is_left() -> None:
    assert "(100%)" in line(600, 10, 600)
    assert "| 0:00 left |" in line(610, 10, 600)


def test_a_finding_says_when_what_and_what_is_done() -> None:
    finding = Finding(50_000, "collapse", "the images differ too little", "rollback")
    assert finding_line(finding) == (
        "collapse after 50,000 images: the images differ too little; going back to the best evaluation"
    )
    assert len({finding_line(Finding(1, "collapse", "too little", action)) for action in POLICIES}) == 3
