"""Test how the progress of work is worded."""

import pytest

from pipeline.base.progress import Progress


def test_a_line_says_how_far_how_long_still_how_fast_and_the_last_numbers() -> None:
    progress = Progress(
        5_000, 20_000, "images", doing="generating", rate="1,200 images/s", seconds_left=458, note="loss 0.31"
    )
    assert progress.line() == "generating: 25% 5,000/20,000 images | 8 min left | 1,200 images/s | loss 0.31"


@pytest.mark.parametrize("seconds_left", [None, 0.0])
def test_what_is_not_known_is_not_said(seconds_left: float | None) -> None:
    assert Progress(0, 10, "files", seconds_left=seconds_left).line() == "0% 0/10 files"


def test_the_numbers_take_as_much_room_at_the_beginning_as_at_the_end() -> None:
    assert len({len(Progress(done, 1_000, "files").parts()[0]) for done in (0, 1, 999, 1_000)}) == 1


@pytest.mark.parametrize(("done", "total", "share"), [(0, 4, 0), (1, 4, 0.25), (5, 4, 1), (0, 0, 1)])
def test_a_share_is_from_0_to_1(done: int, total: int, share: float) -> None:
    progress = Progress(done, total, "files")
    assert (progress.share, progress.ended) == (share, share == 1)
