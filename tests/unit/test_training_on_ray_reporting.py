"""The time left that a training run says at its checkpoints, by given readings of the clock."""

import re
from queue import SimpleQueue

from pipeline.training.trainer import Evaluation
from pipeline.training_on_ray.reporting import ProgressReporter
from tests.unit.training_cases import evaluation_row

TOTAL = 100_000


class Run:
    """A run whose lines are kept, with the minutes on its clock given."""

    def __init__(self) -> None:
        self.minutes = 0.0
        self.lines: SimpleQueue = SimpleQueue()
        self.reporter = ProgressReporter(self.lines, "tiny", "f" * 64, TOTAL, clock=lambda: self.minutes * 60)

    def left(self, seen: int, minutes: float, goes_on_at: int | None = None) -> str:
        """What a checkpoint after `seen` images says of the time left."""
        self.minutes = minutes
        self.reporter.evaluated(
            Evaluation(evaluation_row(seen), [], None, 1000.0), seen if goes_on_at is None else goes_on_at, 0
        )
        line, _ = self.lines.get(timeout=1)
        said = re.search(r"about ([^|]*) left", line)
        return said[1] if said else ""


def test_what_came_before_the_first_step_is_not_counted() -> None:
    run = Run()
    run.minutes = 30
    run.reporter.begins(0)
    assert run.left(10_000, 31) == "9 min"


def test_a_slow_stretch_changes_the_time_left_by_little() -> None:
    """By the last stretch alone it would be 45, 40 and 105 minutes."""
    run = Run()
    assert [run.left(10_000, 5), run.left(20_000, 10), run.left(30_000, 25)] == ["45 min", "40 min", "1 h"]
    assert run.left(40_000, 30) == "45 min"


def test_a_run_that_goes_on_counts_what_it_makes_itself() -> None:
    run = Run()
    run.reporter.begins(50_000)
    assert run.left(60_000, 2) == "8 min"


def test_what_a_rollback_takes_back_is_to_be_made_again() -> None:
    run = Run()
    assert run.left(40_000, 4) == "6 min"
    assert run.left(60_000, 6, goes_on_at=40_000) == "6 min"
    assert run.left(60_000, 8) == "4 min"


def test_the_last_checkpoint_leaves_nothing() -> None:
    run = Run()
    assert run.left(TOTAL, 10) == ""
