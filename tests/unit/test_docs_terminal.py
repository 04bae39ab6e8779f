"""The recorded terminal sessions of the docs: what a screen keeps, and that the pictures fit to be shown."""

import re

import pytest

from tests.project import ROOT
from tests.terminal_docs import FOLDER, MOST_BYTES, SESSIONS, Screen, picture, record

ERASE = "\r\x1b[2K"


def shown(written: str, columns: int = 20) -> list[str]:
    return [line.plain for line in Screen(written, columns).lines()]


def test_a_bar_stays_as_it_was_last() -> None:
    bars = f"mill ╺━ 10%{ERASE}began\r\nmill ━╺ 50%{ERASE}mill ━━ 90%{ERASE}oven ╺━ 20%{ERASE}done"
    assert shown(bars) == ["began", "mill ━━ 90%", "oven ╺━ 20%", "done"]


def test_lines_stand_as_on_a_terminal() -> None:
    assert shown("a\tb\r\nabcde", columns=12) == ["a       b", "abcde"]
    assert shown("abcdefgh", columns=5) == ["abcde", "fgh"]
    assert shown("one\r\ntwo\x1b[1A\rO") == ["One", "two"]


def test_colours_end_where_they_are_ended() -> None:
    (line,) = Screen("\x1b[1;36mblue\x1b[0m plain", 20).lines()
    assert [(span.start, span.end) for span in line.spans if "bold" in str(span.style)] == [(0, 4)]


def test_a_picture_loads_nothing_from_elsewhere() -> None:
    assert re.findall(r"url\((?!#)|@import|<image", picture("mill", Screen("ground", 20).lines(), "mill")) == []


@pytest.mark.parametrize("name", SESSIONS)
def test_a_session_is_recorded_and_fits(name: str) -> None:
    svg = (FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert len(svg.encode()) <= MOST_BYTES
    assert [place for place in (str(ROOT), "/tmp/", "/home/", "/root/") if place in svg] == []
    typed = re.sub(r"&#160;", " ", " ".join(re.findall(r">([^<>]+)</text>", svg)))
    assert [command for command in SESSIONS[name] if command not in typed] == []


def test_the_help_is_recorded_as_it_is() -> None:
    assert record("help", ROOT) == (FOLDER / "help.svg").read_text(encoding="utf-8"), (
        "run `python -m tests.terminal_docs help`"
    )
