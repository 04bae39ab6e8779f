"""What a log collector reads, and a person."""

import json
import math
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.base.errors import UserError
from pipeline.base.log import about_run, require_known_format, tell, tell_error


@pytest.fixture
def as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEMINT_LOG", "json")


def test_a_person_reads_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with about_run("0123456789abcdef0123"):
        tell("sample", "shard 3 committed", shards=4)
    tell_error("sample", "no such preset")
    assert capsys.readouterr() == ("sample: shard 3 committed\n", "sample: no such preset\n")


@pytest.mark.usefixtures("as_json")
def test_a_machine_reads_an_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    with about_run("0123456789abcdef0123"):
        tell("train", "zwei\nZeilen, größer", loss=0.5, broken=math.nan, name="x")
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
    tell_error("train", "no such preset")
    said = capsys.readouterr()
    assert said.out == ""
    told = json.loads(said.err)
    assert (told["level"], told["message"]) == ("error", "no such preset")
    assert "run" not in told  # none was worked on


@pytest.mark.usefixtures("as_json")
def test_an_inner_run_ends_with_its_block(capsys: pytest.CaptureFixture[str]) -> None:
    with about_run("a" * 64):
        with about_run("b" * 64):
            tell("audit", "inner")
        tell("audit", "outer")
    assert [json.loads(line)["run"][0] for line in capsys.readouterr().out.splitlines()] == ["b", "a"]


def test_an_unknown_format_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IMAGEMINT_LOG", "xml")
    with pytest.raises(UserError, match="IMAGEMINT_LOG=xml: use text or json"):
        require_known_format()
