"""The line that a user watches for hours."""

import pytest

from pipeline.training.diagnostics import POLICIES, Finding
from pipeline.training.trainer import Evaluation
from pipeline.training_on_ray.progress import finding_line, progress_line
from tests.unit.training_cases import evaluation_row


def line(seen: int, total: int, seconds_left: float | None) -> str:
    validation = {
        "validation_fd_domain": 123.46,
        "validation_label_accuracy": 0.987,
        "validation_diversity_min": 0.812,
    }
    row = evaluation_row(seen, discriminator_loss=0.6934, generator_loss=1.25, validation=validation)
    return progress_line(Evaluation(row, [], None, 1200.4), total, seconds_left)


def test_it_says_how_far_how_fast_how_long_and_how_good() -> None:
    assert line(50_000, 600_000, 458) == (
        "50,000 of 600,000 images (8%) | 1,200 images/s | about 8 min left | D 0.693 G 1.250 | "
        "validation: fd_domain 123.5, labels right 98.7 %, least diversity 0.81"
    )


@pytest.mark.parametrize(("seen", "seconds_left"), [(600, 0), (610, 0), (0, None)])
def test_where_nothing_is_left_or_known_nothing_is_said_of_it(seen: int, seconds_left: float | None) -> None:
    assert "| 1,200 images/s | D 0.693" in line(seen, 600, seconds_left)


def test_a_finding_says_when_what_and_what_is_done() -> None:
    finding = Finding(50_000, "collapse", "the images differ too little", "rollback")
    assert finding_line(finding) == (
        "collapse after 50,000 images: the images differ too little; going back to the best evaluation"
    )
    assert len({finding_line(Finding(1, "collapse", "too little", action)) for action in POLICIES}) == 3
