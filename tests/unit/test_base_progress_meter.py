"""Test the lines that say how far work is, by a given clock, where no bar is drawn."""

import json
from collections.abc import Iterator

import pytest

from pipeline.base.log import configure_logging
from pipeline.base.progress_meter import LINE_EVERY_S, ProgressMeter, track_in
from tests.unit.logging_as_before import logging_as_before


@pytest.fixture(autouse=True)
def as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("IMAGEMINT_LOG", raising=False)
    with logging_as_before():
        yield


class Work:
    """Items that are done at given moments."""

    def __init__(self, total: int, *, even: bool = True, aside: bool = True) -> None:
        self.seconds = 0.0
        self.meter = ProgressMeter(
            "verify", "checking", total, "files", even=even, aside=aside, clock=lambda: self.seconds
        )

    def do(self, *, until_s: int) -> None:
        """Do an item a second."""
        while self.seconds < until_s:
            self.seconds += 1
            self.meter.add(1)


def test_a_line_comes_every_half_minute_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    work = Work(100)
    work.do(until_s=LINE_EVERY_S - 1)
    assert capsys.readouterr() == ("", "")
    work.do(until_s=100)
    out, err = capsys.readouterr()
    assert out == ""  # which is what a command was asked for
    assert err.splitlines() == [
        "verify: checking: 30% 30/100 files | 1 min left | 1 files/s",
        "verify: checking: 60% 60/100 files | <1 min left | 1 files/s",
        "verify: checking: 90% 90/100 files | <1 min left | 1 files/s",
    ]


def test_of_a_stage_the_line_comes_on_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    Work(100, aside=False).do(until_s=LINE_EVERY_S)
    assert capsys.readouterr() == ("verify: checking: 30% 30/100 files | 1 min left | 1 files/s\n", "")


def test_a_machine_reads_what_is_done_and_of_how_many(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IMAGEMINT_LOG", "json")
    configure_logging()
    Work(100).do(until_s=LINE_EVERY_S)
    told = json.loads(capsys.readouterr().err)
    assert (told["stage"], told["level"], told["done"], told["total"]) == ("verify", "info", 30, 100)
    assert told["message"].startswith("checking: 30% 30/100 files")


def test_where_items_take_differently_long_no_time_is_foretold(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    Work(100, even=False).do(until_s=LINE_EVERY_S)
    assert capsys.readouterr().err == "verify: checking: 30% 30/100 files | 1 files/s\n"


def test_who_has_set_nothing_up_hears_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    on_files = track_in("verify")("checking", 3, "files")
    for _ in range(3):
        on_files(1)
    assert capsys.readouterr() == ("", "")
