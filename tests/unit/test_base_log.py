"""What a log collector reads, and a person."""

import json
import logging
import math
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.base.errors import UserError
from pipeline.base.log import configure_logging, log_error, log_info, log_progress, require_known_format, run_context
from pipeline.base.progress import Progress
from tests.project import ROOT
from tests.terminal import on_terminal
from tests.unit.logging_as_before import logging_as_before


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    with logging_as_before():
        yield


@pytest.fixture
def as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IMAGEMINT_LOG", raising=False)
    configure_logging()


@pytest.fixture
def as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEMINT_LOG", "json")
    configure_logging()


@pytest.mark.usefixtures("as_text")
def test_a_person_reads_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with run_context("0123456789abcdef0123"):
        log_info("sample", "shard 3 committed", shards=4)
    log_error("sample", "no such preset")
    assert capsys.readouterr() == ("sample: shard 3 committed\n", "sample: no such preset\n")


@pytest.mark.usefixtures("as_json")
def test_a_machine_reads_an_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with run_context("0123456789abcdef0123"):
        log_info("train", "zwei\nZeilen, größer", loss=0.5, broken=math.nan, name="x")
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert line.isascii()  # JSON on any terminal
    told = json.loads(line, parse_constant=pytest.fail)  # NaN is not JSON
    assert abs(datetime.fromisoformat(told.pop("time")) - datetime.now(UTC)) < timedelta(minutes=1)
    assert told == {
        "level": "info",
        "stage": "train",
        "run": "0123456789abcdef",
        "message": "zwei\nZeilen, größer",
        "loss": 0.5,
        "broken": None,
        "name": "x",
    }


@pytest.mark.usefixtures("as_json")
def test_an_error_is_one_too_and_goes_where_errors_go(capsys: pytest.CaptureFixture[str]) -> None:
    log_error("train", "no such preset")
    said = capsys.readouterr()
    assert said.out == ""
    told = json.loads(said.err)
    assert (told["level"], told["message"]) == ("error", "no such preset")
    assert "run" not in told  # none was worked on


@pytest.mark.usefixtures("as_json")
def test_an_inner_run_ends_with_its_block(capsys: pytest.CaptureFixture[str]) -> None:
    with run_context("a" * 64):
        with run_context("b" * 64):
            log_info("audit", "inner")
        log_info("audit", "outer")
    assert [json.loads(line)["run"][0] for line in capsys.readouterr().out.splitlines()] == ["b", "a"]


def test_an_unknown_format_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEMINT_LOG", "xml")
    with pytest.raises(UserError, match="IMAGEMINT_LOG=xml: use text or json"):
        require_known_format()


def test_what_is_configured_twice_is_written_once(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging()
    configure_logging()
    log_info("train", "begins")
    assert capsys.readouterr().out == "train: begins\n"


@pytest.mark.usefixtures("as_text")
def test_a_percent_sign_is_one(capsys: pytest.CaptureFixture[str]) -> None:
    log_info("train", "50 of 100 images (50%) %s")
    assert capsys.readouterr().out == "train: 50 of 100 images (50%) %s\n"


@pytest.mark.usefixtures("as_text")
def test_what_cannot_be_written_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    class Closed:
        def write(self, _: str) -> int:
            raise BrokenPipeError

    monkeypatch.setattr(sys, "stdout", Closed())
    with pytest.raises(BrokenPipeError):
        log_info("train", "to nobody")


def test_who_uses_the_packages_as_a_library_handles_the_records(caplog: pytest.LogCaptureFixture) -> None:
    """In a fresh logger, which passes records on to the root logger's handlers."""
    logger = logging.getLogger("imagemint")
    logger.handlers, logger.propagate = [], True
    with caplog.at_level(logging.INFO):
        log_info("train", "begins", images_seen=0)
    (record,) = caplog.records
    assert (record.name, record.levelname, record.getMessage()) == ("imagemint.train", "INFO", "begins")
    assert record.__dict__["values"] == {"images_seen": 0}


def test_to_import_the_packages_sets_no_handler_up() -> None:
    code = """
import logging
import pipeline.audit.audit, pipeline.cli.console, pipeline.sampling_on_ray.sample, pipeline.training_on_ray.train
import stages.command, stages.job, stages.train
for name in (None, "imagemint", "imagemint.train"):
    logger = logging.getLogger(name)
    assert logger.handlers == [], (name, logger.handlers)
    assert logger.level in (logging.NOTSET, logging.WARNING), name
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


# How far the work is ----------------------------------------------------------------------------------------------------

HALF = Progress(2, 4, "images")
SAYS = """
from pipeline.base.log import configure_logging, log_info, log_progress
from pipeline.base.progress import Progress
import sys
configure_logging()
log_progress("embed", Progress(1, 4, "images"))
log_progress("embed", Progress(2, 4, "images"), "2 of 4 images")
log_info("embed", "done")
print("rich" in sys.modules)
"""


@pytest.mark.usefixtures("as_text")
def test_progress_without_a_line_says_nothing_where_no_bar_is_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    log_progress("embed", HALF)
    log_progress("embed", HALF, "2 of 4 images")
    log_progress("embed", HALF, "on the way", aside=True)
    assert capsys.readouterr() == ("embed: 2 of 4 images\n", "embed: on the way\n")


@pytest.mark.usefixtures("as_json")
def test_a_machine_reads_how_much_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    log_progress("embed", HALF)
    log_progress("embed", HALF, "2 of 4 images", loss=0.5)
    told = json.loads(capsys.readouterr().out)
    assert {name: told[name] for name in ("message", "done", "total", "loss")} == {
        "message": "2 of 4 images",
        "done": 2,
        "total": 4,
        "loss": 0.5,
    }


def test_on_a_terminal_a_bar_takes_the_place_of_its_lines() -> None:
    session = on_terminal(sys.executable, "-c", SAYS, IMAGEMINT_LOG="text")
    assert "25% 1/4 images" in session.written
    assert session.screen == ["embed: done", "True"]


PLAIN = "embed: 2 of 4 images\nembed: done\nFalse\n"


def test_to_a_pipe_goes_text_alone_and_rich_is_not_even_loaded() -> None:
    done = subprocess.run([sys.executable, "-c", SAYS], cwd=ROOT, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == (PLAIN, "")


def test_on_a_terminal_that_can_draw_nothing_so_it_does() -> None:
    session = on_terminal(sys.executable, "-c", SAYS, TERM="dumb")
    assert session.written == PLAIN.replace("\n", "\r\n")


def test_json_is_json_on_a_terminal_too() -> None:
    session = on_terminal(sys.executable, "-c", SAYS, IMAGEMINT_LOG="json")
    messages = [json.loads(line)["message"] for line in session.written.splitlines()[:-1]]
    assert messages == ["2 of 4 images", "done"]
