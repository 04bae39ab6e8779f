"""How a stage takes the folders of its command line."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from stages.command import Command, main


@pytest.fixture(autouse=True)
def _handler() -> Iterator[None]:
    """`main` sets one of its own."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def command_of(monkeypatch: pytest.MonkeyPatch, *options: str) -> Command:
    got: list[Command] = []
    monkeypatch.setattr(sys, "argv", ["embed", "--preset", "digits", *options])
    main("embed", "", "models", got.append)
    (command,) = got
    return command


def test_a_folder_with_a_colon_is_no_uri(monkeypatch: pytest.MonkeyPatch) -> None:
    command = command_of(monkeypatch, "--data", "a:b", "--model", "file:c", "--out", "d e#%20")
    assert (command.data, command.model) == (Path.cwd() / "a:b", Path.cwd() / "file:c")
    assert command.out == Path("d e#%20")


@pytest.mark.parametrize("option", ["--data", "--model", "--out"])
def test_a_folder_whose_name_is_no_text_is_refused(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command_of(monkeypatch, option, os.fsdecode(b"/tmp/a\xff"))
    assert ended.value.code == 1
    assert f"{option}: '/tmp/a\\udcff': its name is not valid UTF-8" in capsys.readouterr().err
