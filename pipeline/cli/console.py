"""Assemble the console script `imagemint` from its groups of commands, of one file each."""

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer
from typer.main import get_command

from pipeline import __version__
from pipeline.base.command_line import SETTINGS, Group, run_command_line
from pipeline.base.process import run_process
from pipeline.cli import cluster, house, look, make, run, share

PROGRAM = "imagemint"
COMPLETE = "_IMAGEMINT_COMPLETE"  # set by a shell that wants to complete a word


def console() -> NoReturn:
    """Run this process as the command `imagemint`."""
    run_process(PROGRAM, main)


def main(argv: Sequence[str] | None = None) -> int:
    """Read the command line and do what it asks for.

    Returns:
        The exit code: 0, or 1, 2 or 130 and one message.
    """
    arguments = sys.argv[1:] if argv is None else argv
    completes = COMPLETE in os.environ
    # Options of the program itself come before the command; to read typer's takes as long as all the rest of a start.
    program = commands(add_completion=completes or not arguments or arguments[0].startswith("-"))
    if completes:
        get_command(program).main(prog_name=PROGRAM)
    return run_command_line(program, PROGRAM, PROGRAM, arguments or ["--help"])


def commands(*, add_completion: bool = True) -> typer.Typer:
    """Return all commands, with or without typer's options to complete words in a shell."""
    program = typer.Typer(cls=_InOrderOfWork, context_settings=SETTINGS, add_completion=add_completion)
    program.callback(epilog="Example: imagemint run all --preset digits")(_imagemint)
    for group in (make, run, look, share, cluster, house):
        group.add_to(program)
    return program


class _InOrderOfWork(Group):
    """List the commands in the order in which they were added, but for `run`, which typer puts last as a group of its own.

    Typer's `--show-completion` works, but the help does not show it: whoever wants completion installs it.
    """

    def get_params(self, ctx: Any) -> list[Any]:
        """Return the options of the program itself."""
        parameters = super().get_params(ctx)
        for parameter in parameters:
            if parameter.name == "show_completion":
                parameter.hidden = True
        return parameters

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of the commands."""
        names = super().list_commands(ctx)
        return sorted(names, key=lambda name: names.index(make.AFTER_RUN) - 0.5 if name == "run" else names.index(name))


def _say_version(wanted: bool) -> None:
    if wanted:
        print(f"{PROGRAM} {__version__}")
        raise typer.Exit()


def _imagemint(
    version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Make a synthetic dataset from real images, and inspect it."""


if __name__ == "__main__":
    console()
