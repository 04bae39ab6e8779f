"""The time left that a training run says at its checkpoints, by given readings of the clock."""

import re
from queue import SimpleQueue

import pytest

from pipeline.training.trainer import Evaluation
from pipeline.training_on_ray import reporting
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
        line, _, _ = self.lines.get(timeout=1)
        self.shown = self.lines.get(timeout=1)[2]
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


def test_a_checkpoint_moves_the_bar_and_leaves_its_losses_and_metrics_on_it() -> None:
    run = Run()
    run.left(40_000, 4)
    assert (run.shown.done, run.shown.total) == (40_000, TOTAL)
    assert run.shown.seconds_left == 360
    assert run.shown.note.startswith("D ")


def test_between_checkpoints_the_bar_shows_where_training_is_and_what_the_last_one_brought() -> None:
    run = Run()
    run.left(40_000, 4)
    note, run.minutes = run.shown.note, 5
    run.reporter.show_position(lambda: 50_000)
    line, figures, shown = run.lines.get(timeout=1)
    assert (line, figures) == ("", {})
    assert (shown.done, shown.note, shown.seconds_left) == (50_000, note, 300)


def test_the_speed_on_the_bar_keeps_up_with_the_work_and_agrees_with_the_time_left() -> None:
    run = Run()
    run.left(40_000, 4)  # at 1,000 images a second, by the last checkpoint's own word
    run.minutes = 10
    run.reporter.show_position(lambda: 60_000)
    shown = run.lines.get(timeout=1)[2]
    assert (shown.rate, shown.seconds_left) == ("100 images/s", 400)


def test_what_was_shown_in_between_does_not_count_twice() -> None:
    run = Run()
    for seen in (2_000, 6_000):
        run.reporter.show_position(lambda: seen)  # noqa: B023  # called at once
        run.lines.get(timeout=1)
    assert run.left(10_000, 1) == "9 min"


def test_training_is_followed_from_a_thread_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reporting, "FOLLOWED_S", 0.01)
    run, seen = Run(), [1_000]
    with run.reporter.followed(lambda: seen[0]):
        assert run.lines.get(timeout=10)[2].done == 1_000
        seen[0] = 2_000
        while run.lines.get(timeout=10)[2].done != 2_000:
            pass
    while not run.lines.empty():
        run.lines.get()
    seen[0] = 3_000
    run.left(10_000, 1)
    assert run.shown.done == 10_000
    assert run.lines.empty()
