"""The bar, on terminals that are real to the process that draws."""

import io
import signal
import sys
from dataclasses import replace

import pytest
from rich.console import Console

from pipeline.base.progress import Progress
from pipeline.base.terminal import line_of
from tests.terminal import Session, on_terminal

TRAINING = Progress(
    50_000, 600_000, "images", rate="1,200 images/s", seconds_left=458, note="D 0.693 G 1.250 | fd_domain 123.5"
)
# What a command does in the place of the braces, after its bar has come.
PROGRAM = """
import os, signal, subprocess, sys
from pipeline.base.process import raise_interrupts, run_process

def main():
    from pipeline.base.log import log_error, log_info, log_progress
    from pipeline.base.progress import Progress
    try:
        {begin}
        log_progress("train", Progress(1, 4, "images"))
        {then}
        log_info("train", "all done")
    except KeyboardInterrupt:
        log_error("train", "interrupted")
        return 130
    return 0

run_process("train", main)
"""
DRAWN = "25% 1/4 images"
DRAW = "log_info('train', 'checkpoint')"  # a line, below which the bar is drawn anew


def drawn(progress: Progress, width: int, *, stage: str = "train", ascii_only: bool = False) -> str:
    """Return the line as text."""
    console = Console(file=io.StringIO(), width=width, color_system=None, force_terminal=True)
    with console.capture() as captured:
        console.print(line_of(stage, progress, width, ascii_only=ascii_only), end="")
    return captured.get().rstrip("\n")


def command(then: str, *, begin: str = "raise_interrupts()", **options) -> Session:
    """Run a command that draws a bar and then does what `then` says."""
    return on_terminal(sys.executable, "-c", PROGRAM.format(begin=begin, then=then), **options)


def test_a_wide_line_holds_all_that_there_is_to_say() -> None:
    line = drawn(TRAINING, 140)
    assert line.startswith("train ━")
    assert line.rstrip().endswith(
        "8%  50,000/600,000 images | 8 min left | 1,200 images/s | D 0.693 G 1.250 | fd_domain 123.5"
    )


@pytest.mark.parametrize("width", [20, 30, 60, 80, 81])
@pytest.mark.parametrize("doing", ["", "learning from real and synthetic images"])
def test_a_line_is_one_line_however_narrow_the_terminal_is(width: int, doing: str) -> None:
    line = drawn(replace(TRAINING, doing=doing), width, stage="audit")
    assert "\n" not in line
    assert len(line.rstrip()) < width - len("^C")  # whose echo would else begin another line, and leave this one
    assert "8%" in line
    assert {"━", "╸"} & set(line)


@pytest.mark.parametrize("width", range(20, 140, 3))
def test_a_number_is_whole_or_not_there(width: int) -> None:
    share, _, others = drawn(TRAINING, width).rstrip().partition("%")
    whole = {"50,000/600,000 images", "8 min left", "1,200 images/s", "D 0.693 G 1.250", "fd_domain 123.5"}
    assert share.endswith("  8")
    assert {part.strip() for part in others.split(" | ") if part.strip()} <= whole


def test_on_80_columns_what_matters_most_is_left() -> None:
    assert drawn(TRAINING, 80).endswith("8%  50,000/600,000 images | 8 min left | 1,200 images/s")


def test_long_words_are_cut_before_the_bar_and_the_time_left() -> None:
    line = drawn(replace(TRAINING, doing="learning from real and synthetic images"), 60, stage="audit")
    assert line.startswith("audit: learning from real")
    assert line.endswith("   8% | 8 min left")


def test_the_bar_gets_shorter_only_for_what_then_fits() -> None:
    """On 60 columns the speed has no place beside the time left, whatever the bar leaves."""
    assert drawn(replace(TRAINING, done=3_000, total=6_000), 60).index("50%") == len("train ") + 12 + len("  ")


def test_counts_are_left_out_for_the_time_left_alone() -> None:
    unknown = replace(TRAINING, seconds_left=None, rate="", note="120 of 240 shards")
    assert drawn(unknown, 50).endswith("8%  50,000/600,000 images")


def test_what_is_done_stands_beside_the_stage() -> None:
    assert drawn(Progress(1, 2, "shards", doing="reading back"), 80, stage="audit").startswith("audit: reading back ━")


def test_where_a_terminal_has_ascii_alone_so_has_what_is_cut() -> None:
    assert drawn(TRAINING, 60, ascii_only=True).partition("8%")[2].isascii()


def test_a_bar_is_updated_in_place_and_nothing_of_it_is_left() -> None:
    session = command(f"log_progress('train', Progress(3, 4, 'images')); {DRAW}")
    assert session.code == 0
    assert DRAWN in session.written
    assert "75% 3/4 images" in session.written
    assert session.screen == ["train: checkpoint", "train: all done"]


def test_lines_and_what_libraries_print_stand_above_the_bar_whole() -> None:
    long = "x" * 150  # wider than the terminal
    session = command(
        f"log_info('train', '{long}'); print('printed'); print('[red]warned[/]', file=sys.stderr); {DRAW}"
    )
    lines = ["train:", f"  {long}", "printed", "[red]warned[/]", "train: checkpoint", "train: all done"]
    assert session.screen == lines  # a word is never broken, so that a path can be copied


def test_what_another_process_writes_to_the_terminal_stays_readable() -> None:
    session = command(f"subprocess.run(['echo', 'a word of Ray'], stdout=2); {DRAW}")
    (found,) = [line for line in session.screen if "a word of Ray" in line]
    assert found.endswith("a word of Ray")
    assert session.screen[-2:] == ["train: checkpoint", "train: all done"]


def test_work_that_ends_takes_its_bar_along() -> None:
    session = command("log_progress('train', Progress(4, 4, 'images')); os.write(1, b'right after\\r\\n')")
    assert session.screen == ["right after", "train: all done"]


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize(
    ("begin", "said"),
    [
        ("raise_interrupts()", "train: interrupted"),
        ("pass", "train: interrupted before the work began; run the same command again."),
    ],
)
def test_an_interrupted_command_leaves_its_message_and_nothing_else(begin: str, said: str, by: int) -> None:
    session = command("signal.pause()", begin=begin, interrupt_at=DRAWN, by=by)
    assert session.code == 130
    # A terminal shows ^C, if anything, where the cursor is; a signal that is sent shows nothing.
    assert session.screen == [said]


def test_an_error_that_nobody_foresaw_is_printed_whole() -> None:
    session = command("raise RuntimeError('unforeseen')")
    assert session.code == 1
    assert session.screen[0] == "Traceback (most recent call last):"
    assert session.screen[-1] == "RuntimeError: unforeseen"
    assert not [line for line in session.screen if "images" in line and "log_progress" not in line]


def test_the_cursor_is_never_hidden_since_a_killed_process_cannot_show_it_again() -> None:
    session = command("signal.pause()", interrupt_at=DRAWN, by=signal.SIGKILL)
    assert session.code == -signal.SIGKILL
    assert "\x1b[?25l" not in session.written


def test_no_colour_is_used_where_none_is_wanted() -> None:
    session = command("pass", NO_COLOR="1")
    assert DRAWN in session.written
    assert "\x1b[3" not in session.written
    assert "\x1b[38" in command("pass").written
