"""Test how a command line ends: with one exit code, and one message that names what was meant."""

from typing import Annotated

import pytest
import typer

from pipeline.base.command_line import SETTINGS, Group, add_command, did_you_mean, run_command_line
from pipeline.base.errors import UserError


def grind(
    count: Annotated[int, typer.Argument(metavar="COUNT")],
    fine: Annotated[bool, typer.Option("--fine")] = False,
    place: Annotated[str, typer.Option("--place", metavar="FOLDER")] = "mill",
) -> None:
    """Grind something."""
    if count == 0:
        raise UserError("count: 0; at least 1.")
    if count == 9:
        raise KeyboardInterrupt
    print(f"{count} {fine} {place}")


def boil() -> None:
    """Boil water."""


@pytest.fixture
def program() -> typer.Typer:
    app = typer.Typer(cls=Group, context_settings=SETTINGS, add_completion=False)
    add_command(app, grind, "mill grind 3", panel="Kitchen")
    add_command(app, boil, "mill boil", panel="Kitchen")
    return app


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("grnid 3", "mill: No such command 'grnid'. Did you mean 'grind'? See `mill --help`.\n"),
        ("grind", "mill: Missing argument 'COUNT'. See `mill grind --help`.\n"),
        ("grind 3 --fien", "mill: No such option: --fien. Did you mean '--fine'? See `mill grind --help`.\n"),
        ("grind 3 --place", "mill: Option '--place' requires an argument. See `mill grind --help`.\n"),
        ("grind 3 --depth 4", "mill: No such option: --depth. See `mill grind --help`.\n"),
        ("grind -1", "mill: -1 is read as an option: no argument here is a number below 0. See `mill grind --help`.\n"),
        ("boil 3", "mill: Got unexpected extra argument(s) (3). See `mill boil --help`.\n"),
    ],
)
def test_what_cannot_be_read_is_one_line_that_says_where_help_is(
    words: str, said: str, program: typer.Typer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(program, "mill", "mill", words.split()) == 2
    assert capsys.readouterr() == ("", said)


def test_a_value_of_the_wrong_type_is_one_line(program: typer.Typer, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(program, "mill", "mill", ["grind", "x"]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert said.startswith("mill: Invalid value for 'COUNT': 'x': ")


@pytest.mark.parametrize(
    ("count", "code", "said"), [("0", 1, "mill: count: 0; at least 1.\n"), ("9", 130, "mill: interrupted\n")]
)
def test_what_goes_wrong_at_work_is_one_message(
    count: str, code: int, said: str, program: typer.Typer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command_line(program, "mill", "mill", ["grind", count]) == code
    assert capsys.readouterr().err == said


def test_work_that_ends_well_says_what_it_says(program: typer.Typer, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(program, "mill", "mill", ["grind", "3", "--fine"]) == 0
    assert capsys.readouterr() == ("3 True mill\n", "")


def test_help_ends_with_the_example(program: typer.Typer, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command_line(program, "mill", "mill", ["grind", "-h"]) == 0
    said = capsys.readouterr().out
    assert said.split()[-4:] == ["Example:", "mill", "grind", "3"]
    assert "bool" not in said  # a switch takes no value


def test_nothing_is_asked_where_nothing_is_near() -> None:
    assert did_you_mean("digts", ["emoji", "digits"]) == " Did you mean 'digits'?"
    assert did_you_mean("xyz", ["emoji", "digits"]) == ""
